"""C2PA signatures: what made a file, of what, and how much of it a machine did, signed into the file.

    signer = Signer.open(labels)                       # None where labels.c2pa is 'off'
    signer.sign(path, title="Harbour Lights", disclosure={"artwork": "generated"}, parents=[], record=record)
    signer.detach(midi, ...)                           # NAME.mid.c2pa, for formats that cannot hold a signature

Files are signed last: whatever changes a byte later breaks the signature, which is its use. There is no thumbnail and
no time stamp, so nothing is asked of the network; the same file, record and certificate give the same bytes (see
sealing). What is signed stands in claims; signature reads it.

Source: C2PA Technical Specification 2.2; c2pa-python.
Threads: any, one file at a time each. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

from aigc_music.core.errors import FileError
from aigc_music.engine.encodings import Record
from aigc_music.files.atomic import atomic_write
from aigc_music.files.c2pa_boxes import unsigned, with_store, with_tag, without_tag
from aigc_music.files.reading import read_bytes

from .brief import Labels
from .certificate import Credentials, own_credentials, test_anchors, test_credentials
from .claims import Claim, claim_of
from .sealing import sealed
from .signature import DETACHED, EMBEDDED, MOST_BYTES, context_of, mime_of, signature_in

__all__ = ["DETACHED", "EMBEDDED", "Signer"]

_TAGGED = (".mp3", ".flac")  # signed in an ID3 tag


class Signer:
    """Signs files with one certificate."""

    def __init__(self, credentials: Credentials, anchors: str = "") -> None:
        """anchors: PEM of the authorities that ingredients may be signed by, for what is noted of them."""
        self.credentials = credentials
        self._context = context_of(anchors)

    @classmethod
    def open(cls, labels: Labels, home: Path | None = None) -> Signer | None:
        """The signer that a brief wishes for, None for none. home: folder of the user's things, None for the usual.
        Raises UsageError and FileError as `own_credentials` and `test_credentials` do."""
        if labels.c2pa == "off":
            return None
        own = labels.c2pa == "own"
        credentials = own_credentials(labels.certificate, labels.key) if own else test_credentials(home)
        return cls(credentials, test_anchors(home))

    def sign(
        self,
        path: str | Path,
        *,
        title: str,
        disclosure: dict[str, str],
        parents: Iterable[Path] = (),
        record: Record | None = None,
    ) -> None:
        """Sign a file in place, whole or not at all; a signature that is there already is replaced.

        disclosure: role -> none, assisted or generated. parents: files that it was made of, which become ingredients.
        Raises FileError for a file that cannot be read, or is of a kind that holds no signature (see `detach`).
        """
        path = Path(path)
        if path.suffix.lower() not in EMBEDDED:
            raise FileError(
                f"{str(path)!r} cannot hold a signature: it can stand beside it, as {path.name}{DETACHED} (detach)"
            )
        plain = unsigned(read_bytes(path, MOST_BYTES, "a file of a release"))
        claim = claim_of(path, plain, title=title, disclosure=disclosure, parents=parents, record=record,
                         chain=self.credentials.chain)  # fmt: skip
        signed = self._embedded(path, plain, claim)
        if unsigned(signed) != plain:
            raise FileError(f"cannot sign {str(path)!r}: the signature could not be taken out again")
        self._read_back(path, signed, None)
        with atomic_write(path) as file:
            file.write(signed)

    def detach(
        self,
        path: str | Path,
        *,
        title: str,
        disclosure: dict[str, str],
        parents: Iterable[Path] = (),
        record: Record | None = None,
    ) -> Path:
        """Write the signature of a file of any kind beside it, as NAME.c2pa (song.mid.c2pa); its path is returned.
        Parameters and errors as of `sign`."""
        path = Path(path)
        data = read_bytes(path, MOST_BYTES, "a file of a release")
        claim = claim_of(path, data, title=title, disclosure=disclosure, parents=parents, record=record,
                         chain=self.credentials.chain)  # fmt: skip
        store, _ = self._library(path, data, claim, embed=False)
        store = self._sealed(path, store, claim)
        self._read_back(path, data, store)
        place = path.with_name(path.name + DETACHED)
        with atomic_write(place) as file:
            file.write(store)
        return place

    def _embedded(self, path: Path, plain: bytes, claim: Claim) -> bytes:
        """The file with its signature inside."""
        if path.suffix.lower() not in _TAGGED:
            store, signed = self._library(path, plain, claim, embed=True)
            return with_store(signed, self._sealed(path, store, claim))
        # the library writes ID3 tags anew in its own way, so it signs the sound, and the tag is put back by us
        store, _ = self._library(path, without_tag(plain), claim, embed=True)
        try:
            signed = with_tag(plain, store)
        except ValueError as error:
            raise FileError(f"cannot sign {str(path)!r}: {error}") from error
        start = signed.index(store)
        digest = hashlib.sha256(signed[:start] + signed[start + len(store) :]).digest()
        return with_store(signed, self._sealed(path, store, claim, digest))

    def _library(self, path: Path, plain: bytes, claim: Claim, *, embed: bool) -> tuple[bytes, bytes]:
        """(manifest store, file) as the library makes them."""
        import c2pa

        credentials, out = self.credentials, io.BytesIO()
        try:
            info = c2pa.C2paSignerInfo(credentials.algorithm.encode(), credentials.chain, credentials.key_pem, None)
            with c2pa.Signer.from_info(info) as signer, c2pa.Builder(claim.manifest, self._context) as builder:
                if not embed:
                    builder.set_no_embed()
                for told, mime, data in claim.ingredients:
                    builder.add_ingredient(told, mime, io.BytesIO(data))
                store = builder.sign(signer, mime_of(path), io.BytesIO(plain), out)
        except c2pa.C2paError as error:
            raise FileError(f"cannot sign {str(path)!r}: {error}") from error
        return bytes(store), out.getvalue()

    def _sealed(self, path: Path, store: bytes, claim: Claim, file_hash: bytes | None = None) -> bytes:
        try:
            return sealed(store, self.credentials, claim.seed, file_hash)
        except (ValueError, LookupError, StopIteration) as error:
            raise FileError(
                f"cannot sign {str(path)!r}: this version of c2pa-python writes manifests in another form ({error}):"
                " install c2pa-python 0.38, or take c2pa = 'off'"
            ) from error

    def _read_back(self, path: Path, data: bytes, store: bytes | None) -> None:
        found = signature_in(data, mime_of(path), store, self._context)
        if not found.holds:
            raise FileError(f"cannot sign {str(path)!r}: what was written does not read back: {found.failures}")
