"""On which line of a TOML text each key stands, which the standard library's parser does not tell.

The text has been parsed before, so what is read here is known to be right; only keys, tables and the ends of values
are looked for. Source: TOML v1.0.0 (toml.io). Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import re
import tomllib

__all__ = ["Path", "lines_of"]

Path = tuple[str | int, ...]
"""Names of tables and keys from the top; a number counts the entries of an array, from 0."""

_SPACE = re.compile(r"(?:[ \t]|#[^\n]*)*")
_GAP = re.compile(r"(?:\s|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN = re.compile(r"[^,\]}\n#]+")  # a number, a date, true or false


def lines_of(text: str) -> dict[Path, int]:
    """Path -> line, from 1, of every table, key and entry of an array in `text`, which has to be valid TOML."""
    return _Scan(text.replace("\r\n", "\n")).all()


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.entries: dict[Path, int] = {}  # how many [[tables]] of a name there were

    def all(self) -> dict[Path, int]:
        table: Path = ()
        while not self.ended():
            if self.take("[["):
                named = self.inside(self.key())
                self.entries[named] = self.entries.get(named, -1) + 1
                self.note(named, first=True)
                table = (*named, self.entries[named])
                self.note(table)
                self.take("]]")
            elif self.take("["):
                table = self.inside(self.key())
                self.note(table)
                self.take("]")
            else:
                self.assignment(table)
        return self.lines

    def inside(self, name: Path) -> Path:
        """The full path of a header's name: a table under [[songs]] belongs to its latest entry."""
        path: Path = ()
        for place, part in enumerate(name):
            path = (*path, part)
            if path in self.entries and place < len(name) - 1:
                path = (*path, self.entries[path])
        return path

    def assignment(self, table: Path) -> None:
        begun = self.at
        path = (*table, *self.key())
        self.lines[path] = self.line(begun)
        self.take("=")
        self.value(path)

    def key(self) -> Path:
        parts: list[str] = []
        while True:
            self.skip(_SPACE)
            found = _STRING.match(self.text, self.at) or _BARE_KEY.match(self.text, self.at)
            assert found is not None
            quoted = found[0][0] in "\"'"
            parts.append(tomllib.loads(f"key = {found[0]}")["key"] if quoted else found[0])
            self.at = found.end()
            if not self.take("."):
                return tuple(parts)

    def value(self, path: Path) -> None:
        self.skip(_SPACE)
        if self.take("{"):
            while not self.take("}"):
                self.skip(_SPACE)
                self.assignment(path)
                self.take(",")
        elif self.take("["):
            index = 0
            self.skip(_GAP)
            while not self.take("]"):
                self.note((*path, index))
                self.value((*path, index))
                self.skip(_GAP)
                self.take(",")
                self.skip(_GAP)
                index += 1
        else:
            found = _STRING.match(self.text, self.at) or _PLAIN.match(self.text, self.at)
            assert found is not None
            self.at = found.end()

    def note(self, path: Path, *, first: bool = False) -> None:
        if not first or path not in self.lines:
            self.lines[path] = self.line(self.at)

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1

    def skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        assert found is not None
        self.at = found.end()

    def take(self, mark: str) -> bool:
        self.skip(_SPACE)
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def ended(self) -> bool:
        self.skip(_GAP)
        return self.at >= len(self.text)
