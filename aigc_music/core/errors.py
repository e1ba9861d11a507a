"""Every error that a user can meet, in one tree.

    AigcMusicError
    |-- UsageError        (also ValueError)   a wrong option, name or range
    |-- FileError         (also OSError)      a file that cannot be read or written
    |   `-- MidiFileError                     not a standard MIDI file, or one beyond repair
    |-- PortError         (also OSError)      no such port, several of that name, no MIDI API, a port that vanished
    |-- AudioDeviceError  (also OSError)      no audio device, or one that refuses the format
    |-- ModelError        (also ValueError)   weights or card missing, damaged, or not matching each other
    `-- MissingExtraError (also ImportError)  an optional dependency is not installed

Each message names the thing, the value, what is allowed, and the next step. The command line prints it in
one line and exits with `exit_code`: 2 for usage, 1 for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "AigcMusicError",
    "AudioDeviceError",
    "FileError",
    "MidiFileError",
    "MissingExtraError",
    "ModelError",
    "PortError",
    "UsageError",
    "choose",
]


class AigcMusicError(Exception):
    """Base of all errors meant for people. `exit_code` is what the command line returns."""

    exit_code = 1


class UsageError(AigcMusicError, ValueError):
    """The request itself is wrong: an unknown name, a value out of range, options that exclude each other."""

    exit_code = 2


class FileError(AigcMusicError, OSError):
    """A file or folder that cannot be read or written."""


class MidiFileError(FileError):
    """Bytes that are not a standard MIDI file, or are damaged beyond a stated repair."""


class PortError(AigcMusicError, OSError):
    """A MIDI port that is missing, ambiguous, busy or gone."""


class AudioDeviceError(AigcMusicError, OSError):
    """An audio device that is missing or refuses what was asked of it."""


class ModelError(AigcMusicError, ValueError):
    """A trained model that is missing, damaged, or whose card does not match its weights."""


class MissingExtraError(AigcMusicError, ImportError):
    """An optional dependency is not installed; the message holds the command that installs it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}, which is not installed: pip install 'aigc-music[{extra}]'")


def choose(kind: str, value: str, allowed: Iterable[str]) -> str:
    """Return the entry of `allowed` that `value` names (case and '-'/'_'/' ' do not count).

    Raises UsageError with the allowed names and the closest one when there is none.
    """
    names = list(allowed)
    plain = {name.casefold().replace("-", "_").replace(" ", "_"): name for name in names}
    wanted = value.casefold().strip().replace("-", "_").replace(" ", "_")
    if wanted in plain:
        return plain[wanted]
    close = get_close_matches(wanted, plain, n=1)
    hint = f" Did you mean {plain[close[0]]!r}?" if close else ""
    raise UsageError(f"unknown {kind} {value!r}: choose one of {', '.join(names)}.{hint}")
