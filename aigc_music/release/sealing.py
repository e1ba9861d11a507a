"""A signature that comes out the same each time: what the C2PA library draws at random is set, and signed anew.

The library puts 16 random bytes into the description of each assertion (a salt, against guessing what was left out
of a manifest; nothing is left out of ours). With them change the hashes of the assertions, the claim that lists them
and the signature: measured over two runs with one Ed25519 key and fixed identifiers, nothing else differs. All of
these have a fixed length, so they are set in place: salts from a given seed, hashes in the order in which they depend
on each other, the signature of the claim last. Ed25519 is deterministic, ECDSA is made so by RFC 6979; RSA-PSS is
not, such signatures differ from run to run.

Source: C2PA Technical Specification 2.2 (hashed URIs, COSE signatures), ISO 19566-5 (JUMBF), RFC 9052 (COSE).
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from .certificate import Credentials

__all__ = ["in_form", "sealed"]

_CURVE_HASHES: dict[str, hashes.HashAlgorithm] = {
    "es256": hashes.SHA256(), "es384": hashes.SHA384(), "es512": hashes.SHA512(),
}  # fmt: skip


class _Box(NamedTuple):
    """A JUMBF superbox. inside: where the box behind its description begins. salt: where its salt is."""

    label: str
    start: int
    inside: int
    end: int
    salt: tuple[int, int] | None


def sealed(store: bytes, credentials: Credentials, seed: bytes, file_hash: bytes | None = None) -> bytes:
    """A manifest store with salts from `seed`, and signed anew. file_hash: SHA-256 of the file without the store,
    where the file is not the one that the library saw. ValueError for a store of a form that is not known."""
    data = bytearray(store)
    manifest = list(_boxes(store, 8, len(store)))[-1]  # the active one comes last
    parts = {box.label: box for box in _boxes(store, manifest.start + 8, manifest.end)}
    assertions = list(_boxes(store, parts["c2pa.assertions"].start + 8, parts["c2pa.assertions"].end))
    named = [_places(store, _hash(data, box), manifest.start, manifest.end) for box in assertions]
    for number, box in enumerate(assertions):
        if box.salt is not None:
            start, end = box.salt
            data[start:end] = hashlib.sha256(seed + number.to_bytes(4, "big")).digest()[: end - start]
        if box.label == "c2pa.hash.data" and file_hash is not None:
            place = store.index(b"dhashX\x20", box.start, box.end) + 7
            data[place : place + 32] = file_hash
    for _ in assertions:  # an action names ingredients by their hash, so a change may travel that many times
        for box, places in zip(assertions, named, strict=True):
            for place in places:
                data[place : place + 32] = _hash(data, box)
    claim = next(box for label, box in parts.items() if label.startswith("c2pa.claim"))
    _sign(data, claim, parts["c2pa.signature"], credentials)
    return bytes(data)


def in_form(store: bytes) -> bool:
    """Whether a manifest store has the form of ours to the last byte, those included that no signature covers: names
    and sizes of boxes, and the empty space beside the signature."""
    try:
        tops = list(_boxes(store, 0, len(store)))
        manifests = list(_boxes(store, tops[0].inside, tops[0].end))
        parts = [list(_boxes(store, manifest.inside, manifest.end)) for manifest in manifests]
        spaces = [_space(store[row[-1].inside + 8 : row[-1].end]) for row in parts]
    except (ValueError, IndexError):
        return False
    names = [[box.label for box in row] for row in parts]
    joined = all(row[-1].end == manifest.end for row, manifest in zip(parts, manifests, strict=True))
    return (
        [box.label for box in tops] == ["c2pa"]
        and tops[0].end == len(store)
        and manifests[-1].end == len(store)
        and joined
        and all(row == ["c2pa.assertions", "c2pa.claim.v2", "c2pa.signature"] for row in names)
        and not any(map(any, spaces))
    )


def _space(cose: bytes) -> bytes:
    """The padding in a COSE_Sign1 structure; ValueError where something else stands around it."""
    place = 2 + len(_as_byte_string(_byte_string(cose, 2)))
    if cose[place : place + 5] != b"\xa1\x63pad":
        raise ValueError("no padding where it has to be")
    padding = _byte_string(cose, place + 5)
    place += 5 + len(_as_byte_string(padding))
    if cose[place : place + 1] != b"\xf6" or place + 1 + len(_as_byte_string(_byte_string(cose, place + 1))) != len(
        cose
    ):
        raise ValueError("no signature where it has to be")
    return padding


def _boxes(store: bytes, place: int, end: int) -> Iterator[_Box]:
    """The superboxes between two places; others, such as the description, are passed over."""
    while place + 8 <= end:
        size, kind = int.from_bytes(store[place : place + 4], "big"), store[place + 4 : place + 8]
        if size < 8 or place + size > end:
            raise ValueError("a damaged JUMBF box")
        if kind == b"jumb":
            described = place + 8 + int.from_bytes(store[place + 8 : place + 12], "big")
            stop = store.index(b"\0", place + 33)  # behind type (16 bytes) and toggles (1)
            salt = (stop + 9, described) if store[stop + 5 : stop + 9] == b"c2sh" else None
            yield _Box(store[place + 33 : stop].decode(), place, described, place + size, salt)
        place += size


def _hash(data: bytearray, box: _Box) -> bytes:
    """As hashed URIs name an assertion: SHA-256 of its box without the head."""
    return hashlib.sha256(data[box.start + 8 : box.end]).digest()


def _places(store: bytes, wanted: bytes, start: int, end: int) -> list[int]:
    found, place = [], store.find(wanted, start, end)
    while place >= 0:
        found.append(place)
        place = store.find(wanted, place + 1, end)
    return found


def _sign(data: bytearray, claim: _Box, signature: _Box, credentials: Credentials) -> None:
    """Sign the claim as it is now, in place. The signature is the last item of the COSE_Sign1 structure."""
    payload = bytes(data[claim.inside + 8 : claim.end])
    cose = bytes(data[signature.inside + 8 : signature.end])
    if cose[:2] != b"\xd2\x84":
        raise ValueError("the signature is no COSE_Sign1 structure")
    protected = _byte_string(cose, 2)
    message = b"\x84\x6aSignature1" + _as_byte_string(protected) + b"\x40" + _as_byte_string(payload)
    made = _signature(credentials, message)
    if cose[-len(made) - 8 : -len(made)].endswith(_as_byte_string(made)[: -len(made)]):
        data[signature.end - len(made) : signature.end] = made
    else:
        raise ValueError("the signature in the store has another length")


def _signature(credentials: Credentials, message: bytes) -> bytes:
    key = credentials.key
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        method = ec.ECDSA(_CURVE_HASHES[credentials.algorithm], deterministic_signing=True)
        size = (key.curve.key_size + 7) // 8
        return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(key.sign(message, method)))
    digest = hashes.SHA256()
    return key.sign(message, padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH), digest)


def _byte_string(data: bytes, place: int) -> bytes:
    """The CBOR byte string at a place, of up to 65,535 bytes."""
    kind = data[place]
    width = {0x58: 1, 0x59: 2}.get(kind, 0)
    if not 0x40 <= kind <= 0x59 or (width == 0 and kind > 0x57):
        raise ValueError("no CBOR byte string where one has to be")
    length = int.from_bytes(data[place + 1 : place + 1 + width], "big") if width else kind - 0x40
    return data[place + 1 + width : place + 1 + width + length]


def _as_byte_string(data: bytes) -> bytes:
    length = len(data)
    if length < 24:
        return bytes([0x40 + length]) + data
    width, code = (1, 0x58) if length < 1 << 8 else (2, 0x59) if length < 1 << 16 else (4, 0x5A)
    return bytes([code]) + length.to_bytes(width, "big") + data
