"""What has been made, kept beside the release so that nothing is made twice: the folder `.work`.

    .work/lock                   held by the run that works here, and let go by its end, kill -9 included
    .work/music-3f2a9c.../       the files of a stage, whole: its name is the SHA-256 of all that it depends on
    .work/music-3f2a9c.../made.json
    .work/part-*/                what a run that was stopped has left; the next one takes it away

A stage's folder gets its name when all in it is on the disk. Files here carry no label and no signature, and are what
other stages are made of. The whole of `.work` may be deleted: then all is made again.

Threads: `make` of different stages from any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from aigc_music.core.errors import FileError
from aigc_music.engine.encodings import Record
from aigc_music.engine.provenance import canonical
from aigc_music.files.atomic import atomic_write

__all__ = ["WORK", "Made", "Piece", "Row", "Store", "code_fingerprint", "json_bytes", "sha256_of"]

WORK = ".work"
_LIST = "made.json"


class Piece(NamedTuple):
    """A file as a stage gives it. path: where it belongs in the release folder, with '/'. role: as in the manifest.
    record: its provenance record, which stands inside it where its format holds one. of: path of the file of the same
    stage that it stands beside, or is made of, and whose record tells of it."""

    path: str
    role: str
    data: bytes
    record: Record | None = None
    of: str | None = None


class Row(NamedTuple):
    """A file that is kept: a Piece, its bytes on the disk."""

    path: str
    role: str
    sha256: str
    size: int
    record: Record | None
    of: str | None


class Made(NamedTuple):
    """What a stage has made. folder: where its files are, under their paths."""

    folder: Path
    rows: tuple[Row, ...]

    def place(self, row: Row) -> Path:
        return self.folder / row.path

    def of_role(self, role: str, suffix: str = "") -> Path:
        """The first file of a role, and suffix where one is given. FileError where there is none."""
        for row in self.rows:
            if row.role == role and row.path.endswith(suffix):
                return self.place(row)
        raise FileError(f"no {role} {suffix} among what was made in {self.folder.name}")


class Store:
    """The `.work` of one release folder, which is made where it is missing. FileError where it cannot be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / WORK
        try:
            self.work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(
                f"cannot work in {str(folder)!r}: {error.strerror or error}: name another folder"
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one run; FileError where another one does."""
        with _opened(self.work / "lock") as file:
            if not _lock(file):
                raise FileError(f"another release works in {str(self.folder)!r}: wait for it, or name another folder")
            for left in self.work.glob("part-*"):
                shutil.rmtree(left, ignore_errors=True)
            yield

    def find(self, stage: str, key: str) -> Made | None:
        """What was made for this key; None where nothing was, or some of it is gone."""
        folder = self.work / f"{stage}-{key[:20]}"
        try:
            document = json.loads((folder / _LIST).read_bytes())
            rows = tuple(Row(**row) for row in document["files"])
            whole = document["key"] == key and all((folder / row.path).stat().st_size == row.size for row in rows)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return Made(folder, rows) if whole else None

    def make(self, stage: str, key: str, pieces: Iterable[Piece]) -> Made:
        """Keep all that a stage gives, or nothing of it. Raises what `pieces` raises, and FileError."""
        part = self.scratch()
        try:
            rows = [_written(part, piece) for piece in pieces]
            document = {"stage": stage, "key": key, "files": [row._asdict() for row in rows]}
            with atomic_write(part / _LIST) as file:
                file.write(json_bytes(document))
            folder = self.work / f"{stage}-{key[:20]}"
            shutil.rmtree(folder, ignore_errors=True)  # one that `find` did not take: damaged
            part.rename(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        return Made(folder, tuple(rows))

    def scratch(self) -> Path:
        """A new folder for what is not finished, which the next run takes away."""
        try:
            return Path(tempfile.mkdtemp(prefix="part-", dir=self.work))
        except OSError as error:
            raise FileError(f"cannot write in {str(self.work)!r}: {error.strerror or error}") from error

    def tidy(self, keep: Iterable[Made]) -> None:
        """Take away what was made for an older brief."""
        wanted = {made.folder for made in keep}
        for place in self.work.iterdir():
            if place.is_dir() and place not in wanted and (place / _LIST).exists():
                shutil.rmtree(place, ignore_errors=True)


def _written(folder: Path, piece: Piece) -> Row:
    place = folder / piece.path
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot write {str(place)!r}: {error.strerror or error}") from error
    with atomic_write(place) as file:
        file.write(piece.data)
    digest = hashlib.sha256(piece.data).hexdigest()
    return Row(piece.path, piece.role, digest, len(piece.data), piece.record, piece.of)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("ab")
    except OSError as error:
        raise FileError(f"cannot write {str(path)!r}: {error.strerror or error}: name another folder") from error
    with file:
        yield file


def _lock(file: BinaryIO) -> bool:
    """Take the lock that the system lets go with this process."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        with suppress(OSError):
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
            return True
        return False
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def json_bytes(document: Any) -> bytes:
    """JSON as it stands in release folders."""
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hex. FileError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"cannot read {str(path)!r}: {error.strerror or error}") from error


_CODE = ("aigc_music/core", "aigc_music/files", "aigc_music/engine", "aigc_music/generators", "aigc_music/release",
         "bridge/synth", "models")  # fmt: skip
_LIBRARIES = ("numpy", "numba", "mido", "pypinyin", "onnxruntime", "skia-python", "pillow", "av", "c2pa-python")


@cache
def code_fingerprint() -> str:
    """SHA-256 over all that makes files: our code and tables, the models by their cards, the libraries' versions."""
    root = Path(__file__).parents[2]
    found = hashlib.sha256()
    for top in _CODE:
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".py", ".json", ".otf") and path.is_file():
                found.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    found.update(canonical({name: _version(name) for name in _LIBRARIES} | {"python": platform.python_version()}))
    found.update(os.environ.get("AIGC_MUSIC_MODELS", "").encode())
    found.update(canonical(_own_models()))
    return found.hexdigest()


def _own_models() -> dict[str, Any]:
    from models.zoo import cards

    return {name: card.get("sha256") for name, card in cards().items()}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
