"""The certificate that signs: one of our own making that says of itself that it is a test, or the user's own.

A test certificate names nobody: it proves that files belong together and were not changed, not who made them. It is
made once, kept as one file in the user's folder for this program (mode 0600, whole or not there at all), and a new
one follows when it has less than RENEWED days left; earlier ones stay, so that what they signed is still known. Its
authority signs that one certificate, then its key is thrown away.

The user's own certificate is a PEM file, chain included, with a key in another (or the same) PEM file; the password
of an encrypted key is read from the environment variable AIGC_MUSIC_KEY_PASSWORD, as a brief is no place for it.

Source: C2PA Technical Specification 2.2, "X.509 certificates": what a certificate needs to sign claims.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from aigc_music.core.errors import FileError, UsageError
from aigc_music.core.folders import data_folder
from aigc_music.files.atomic import atomic_write
from aigc_music.files.reading import read_bytes

__all__ = ["PASSWORD", "TEST_NAME", "Credentials", "own_credentials", "test_anchors", "test_credentials"]

TEST_NAME = "aigc-music TEST, not an identity"
"""The organisation in the subject of a test certificate."""
PASSWORD = "AIGC_MUSIC_KEY_PASSWORD"

LASTS = 5 * 365  # days
RENEWED = 180  # days before its end
MOST_BYTES = 1 << 20
_FILE = re.compile(r"test-signer-(\d+)\.pem")
_DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
_CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
_USES = (ExtendedKeyUsageOID.EMAIL_PROTECTION, _DOCUMENT_SIGNING, _CLAIM_SIGNING)

Key = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Credentials:
    """chain: certificates as PEM, the one that signs first. key: its private key. algorithm: as C2PA calls it.
    test: whether it is one of our own making."""

    chain: bytes
    key: Key
    algorithm: str
    test: bool

    @property
    def key_pem(self) -> bytes:
        return _pem_of_key(self.key)


class _Kind(NamedTuple):
    """A kind of key that C2PA takes. algorithm: its name there."""

    name: str
    algorithm: str


_CURVES: dict[str, _Kind] = {
    "secp256r1": _Kind("P-256", "es256"),
    "secp384r1": _Kind("P-384", "es384"),
    "secp521r1": _Kind("P-521", "es512"),
}


# ----------------------------------------------------------------------------------------------- of our own


def test_credentials(home: Path | None = None) -> Credentials:
    """The test certificate in this folder (None: the user's), made where there is none or it is about to end.
    FileError where the folder cannot be written, or the file in it is damaged."""
    folder = _folder(home)
    files = _test_files(folder)
    if files:
        found = _parsed(files[-1], files[-1], None, test=True)
        ends = x509.load_pem_x509_certificate(found.chain).not_valid_after_utc
        if ends - datetime.now(UTC) > timedelta(days=RENEWED):
            return found
    number = 1 + (int(_number(files[-1])) if files else 0)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise FileError(
            f"cannot make {str(folder)!r} for the test certificate: {error.strerror or error}: free the name, or"
            " choose another folder with AIGC_MUSIC_HOME"
        ) from error
    place = folder / f"test-signer-{number}.pem"
    _write_once(place, _made())
    return _parsed(place, place, None, test=True)


def test_anchors(home: Path | None = None) -> str:
    """The authorities of all test certificates in this folder as PEM, '' where there is none."""
    found = []
    for file in _test_files(_folder(home)):
        with contextlib.suppress(FileError, ValueError):
            found.append(_pem(x509.load_pem_x509_certificates(read_bytes(file, MOST_BYTES, "a PEM file"))[-1]))
    return b"".join(found).decode()


def _folder(home: Path | None) -> Path:
    return (home or data_folder()) / "signing"


def _number(file: Path) -> str:
    found = _FILE.fullmatch(file.name)
    return found[1] if found else "0"


def _test_files(folder: Path) -> list[Path]:
    """Oldest first."""
    if not folder.is_dir():
        return []
    return sorted(
        (file for file in folder.iterdir() if _FILE.fullmatch(file.name)), key=lambda file: int(_number(file))
    )


def _write_once(place: Path, content: bytes) -> None:
    """Write a secret file, readable for its owner alone; one that another process wrote meanwhile stays."""
    part = place.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with atomic_write(part) as file:
            if hasattr(os, "fchmod"):  # Windows keeps a user's folder from others as it is
                os.fchmod(file.fileno(), 0o600)
            file.write(content)
        with contextlib.suppress(FileExistsError):
            os.link(part, place)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(
            f"cannot write {str(place)!r}: {error.strerror or error}: choose another folder with AIGC_MUSIC_HOME"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _made() -> bytes:
    """A new key, its certificate and the authority's, as PEM."""
    begins = datetime.now(UTC).replace(microsecond=0, second=0) - timedelta(days=1)
    ends = begins + timedelta(days=LASTS)
    authority, key = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    issuer = _name("aigc-music test authority")
    usage = x509.KeyUsage(False, False, False, False, False, True, False, False, False)  # signs certificates
    root = (
        x509.CertificateBuilder(issuer, issuer, authority.public_key(), x509.random_serial_number(), begins, ends)
        .add_extension(x509.BasicConstraints(True, 0), True)
        .add_extension(usage, True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), False)
        .sign(authority, None)
    )
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)  # signs files
    leaf = (
        x509.CertificateBuilder(
            issuer, _name("aigc-music test certificate"), key.public_key(), x509.random_serial_number(), begins, ends
        )
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(usage, True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(authority, None)
    )
    return _pem_of_key(key) + _pem(leaf) + _pem(root)


def _name(common: str) -> x509.Name:
    rows = ((NameOID.ORGANIZATION_NAME, TEST_NAME), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in rows])


# ----------------------------------------------------------------------------------------------- the user's


def own_credentials(certificate: str | Path, key: str | Path, password: str | None = None) -> Credentials:
    """The user's own certificate. password: of an encrypted key, None reads AIGC_MUSIC_KEY_PASSWORD.

    Raises UsageError where a file is not named, FileError for files that cannot be read or are not PEM, a wrong or
    missing password, a key of another certificate, and a certificate that has ended, or may not sign.
    """
    if not str(certificate) or not str(key):
        missing = "certificate" if not str(certificate) else "key"
        raise UsageError(
            f"labels.{missing} is missing: with c2pa = 'own' name a PEM file of the certificate and one of its key,"
            " or take c2pa = 'test'"
        )
    given = password if password is not None else os.environ.get(PASSWORD)
    found = _parsed(Path(certificate), Path(key), given.encode() if given else None, test=False)
    _check(x509.load_pem_x509_certificate(found.chain), str(certificate))
    return found


def _parsed(certificate: Path, key: Path, password: bytes | None, *, test: bool) -> Credentials:
    """The credentials in two PEM files (or one), the chain in the order that leads from the signer upwards."""
    kind = "a PEM file of a certificate ('-----BEGIN CERTIFICATE-----')"
    try:
        rows = x509.load_pem_x509_certificates(read_bytes(certificate, MOST_BYTES, kind))
    except ValueError as error:
        raise FileError(f"{str(certificate)!r} holds no certificate that can be read: give {kind}") from error
    private = _key(key, password)
    public = _public(private.public_key())
    mine = next((row for row in rows if _public(row.public_key()) == public), None)
    if mine is None:
        raise FileError(f"the key in {str(key)!r} does not belong to the certificate in {str(certificate)!r}")
    chain = [mine]
    while above := next((row for row in rows if row.subject == chain[-1].issuer and row not in chain), None):
        chain.append(above)
    return Credentials(b"".join(_pem(row) for row in chain), private, _algorithm(private, str(key)), test)


def _key(place: Path, password: bytes | None) -> Key:
    kind = "a PEM file of a private key ('-----BEGIN PRIVATE KEY-----')"
    data = read_bytes(place, MOST_BYTES, kind)
    encrypted = b"ENCRYPTED" in data
    try:
        key = serialization.load_pem_private_key(data, password if encrypted else None)
    except TypeError as error:
        raise FileError(
            f"the key in {str(place)!r} is encrypted: set its password as environment variable {PASSWORD}"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if encrypted:
            raise FileError(f"the password in {PASSWORD} does not open the key in {str(place)!r}") from error
        raise FileError(f"{str(place)!r} holds no private key that can be read: give {kind}") from error
    if not isinstance(key, Key):
        raise FileError(f"the key in {str(place)!r} is of a kind that C2PA has no use for: {_WANTED}")
    return key


_WANTED = "take Ed25519, an elliptic curve P-256, P-384 or P-521, or RSA of 2048 bits or more"


def _algorithm(key: Key, place: str) -> str:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name].algorithm
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    raise FileError(f"the key in {place!r} is too weak, or of a curve that C2PA has no use for: {_WANTED}")


def _check(leaf: x509.Certificate, place: str) -> None:
    """FileError where a certificate may not sign a file."""
    now = datetime.now(UTC)
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        span = f"{leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d}"
        raise FileError(f"the certificate in {place!r} is valid from {span}, not today: get a new one")
    if leaf.subject == leaf.issuer:
        raise FileError(
            f"the certificate in {place!r} is signed by itself, which C2PA does not take: have it signed by an"
            " authority, or take c2pa = 'test'"
        )
    extensions = {row.oid: row.value for row in leaf.extensions}
    basic = extensions.get(x509.BasicConstraints.oid)
    if isinstance(basic, x509.BasicConstraints) and basic.ca:
        raise FileError(f"the certificate in {place!r} is an authority's: give the one that it signed for you")
    usage = extensions.get(x509.KeyUsage.oid)
    if not isinstance(usage, x509.KeyUsage) or not usage.digital_signature:
        raise FileError(f"the certificate in {place!r} is not for signing (key usage 'digital signature' is missing)")
    extended = extensions.get(x509.ExtendedKeyUsage.oid)
    if not isinstance(extended, x509.ExtendedKeyUsage) or not any(use in extended for use in _USES):
        raise FileError(
            f"the certificate in {place!r} is not for signing files: its extended key usage has to hold e-mail"
            " protection, document signing or C2PA claim signing"
        )


def _public(key: object) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.DER, form)  # type: ignore[attr-defined, no-any-return]


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_of_key(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
