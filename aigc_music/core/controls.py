"""The knobs: everything a musician can turn while playing, one row each.

A control has one value at a time; the command line, the page, a MIDI controller and a key of the keyboard all
write the same row. Values travel as plain JSON (numbers, names, booleans).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .errors import UsageError, choose
from .styles import STYLE_NAMES
from .theory import PITCH_NAMES, Key

__all__ = ["CONTROLS", "KEY_NAMES", "PANIC_CC", "ROLES", "Control", "Controls"]

ROLES = ("solo", "answer", "accompany")
KEY_NAMES = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in PITCH_NAMES)


@dataclass(frozen=True, slots=True)
class Control:
    """One knob: a range of numbers, or a list of names.

    `cc` is the MIDI controller that moves it until another one is learned (0..127);
    `keys` are the keyboard keys for one step down and one step up (or next, or toggle).
    """

    name: str
    default: Any
    help: str
    cc: int
    keys: tuple[str, str]
    low: float = 0.0
    high: float = 1.0
    step: float = 0.1
    names: tuple[str, ...] = ()

    def check(self, value: Any) -> Any:
        """Return `value` in its proper type; UsageError names the range or the allowed names."""
        if isinstance(self.default, bool):
            if isinstance(value, bool):
                return value
            raise UsageError(f"{self.name} {value!r}: use true or false")
        if self.name == "key":  # any tonic and any mode, not only the listed ones
            return str(Key.parse(str(value)))
        if self.names:
            return choose(self.name, str(value), self.names)
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if not self.low <= number <= self.high:
            raise UsageError(f"{self.name} {value!r} is out of range: give {self.low:g}..{self.high:g}")
        return number

    def from_cc(self, value: int) -> Any:
        """The value for a MIDI controller position 0..127."""
        if isinstance(self.default, bool):
            return value >= 64
        if self.names:
            return self.names[value * len(self.names) // 128]
        number = self.low + (self.high - self.low) * value / 127
        return round(number / self.step) * self.step if self.step >= 1 else round(number, 3)

    def stepped(self, value: Any, steps: int) -> Any:
        """The value `steps` steps away from `value`: numbers stop at the ends, names go round, switches flip."""
        if isinstance(self.default, bool):
            return not value
        if self.names:
            index = self.names.index(value) if value in self.names else 0
            return self.names[(index + steps) % len(self.names)]
        return round(min(self.high, max(self.low, value + steps * self.step)), 3)


CONTROLS: dict[str, Control] = {
    control.name: control
    for control in (
        Control("bpm", 100.0, "tempo in quarter notes a minute", 20, ("-", "+"), 20, 300, 1),
        Control("key", "C major", "key: a tonic and a mode", 21, ("K", "k"), names=KEY_NAMES),
        Control("style", "pop", "style of the band", 22, ("S", "s"), names=STYLE_NAMES),
        Control("density", 0.5, "how many notes: 0 sparse .. 1 busy", 23, ("d", "D")),
        Control("temperature", 1.0, "how daring: 0.2 safe .. 2 wild", 24, ("t", "T"), 0.2, 2.0),
        Control("energy", 0.5, "how much it gives: 0 calm .. 1 full", 28, ("e", "E")),
        Control("register", 0.0, "octaves above where it would play", 29, ("g", "G"), -2.0, 2.0, 0.25),
        Control("swing", 0.0, "0 straight .. 1 triplets", 30, ("w", "W")),
        Control("strength", 1.0, "how much key, chords and style are stressed", 31, ("x", "X"), 1.0, 3.0, 0.25),
        Control("longest_copy", 16.0, "longest phrase of a training song that it may play, in notes", 32, ("o", "O"),
                12, 63, 1),
        Control("mute", False, "silence the band; it goes on thinking", 25, ("m", "m")),
        Control("role", "solo", "who leads", 26, ("R", "r"), names=ROLES),
    )
}

PANIC_CC = 27
"""Controller that means panic until another one is learned; incoming CC120 and CC123 always do."""


@dataclass(slots=True)
class Controls:
    """The present value of every knob. Threads: one owner. Realtime-safe: yes."""

    values: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = self.values
        self.values = {name: control.default for name, control in CONTROLS.items()}
        for name, value in given.items():
            self.set(name, value)

    def set(self, name: str, value: Any) -> Any:
        """Set one knob and return the value as stored. UsageError for an unknown name or a bad value."""
        name = choose("control", name, CONTROLS)
        self.values[name] = CONTROLS[name].check(value)
        return self.values[name]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]
