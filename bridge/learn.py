"""MIDI learn: which incoming message moves which knob.

A binding is keyed by the kind of message and its number: ("cc", 21), ("note", 36), ("program", 3). Until
something is learned, the controllers of the tables in aigc_music.core.controls hold.
"""

from __future__ import annotations

from typing import Any

from aigc_music.core.controls import CONTROLS, PANIC_CC

__all__ = ["LearnMap"]

PANIC = "panic"
_KINDS = {0xB0: "cc", 0x90: "note", 0xC0: "program"}


class LearnMap:
    """Threads: the player's loop only. Realtime-safe: yes."""

    def __init__(self, bindings: dict[str, str] | None = None) -> None:
        """bindings: 'cc 21' -> control name, as `bindings` gives them back (settings file)."""
        learned = dict(bindings or {})
        usual = {f"cc {control.cc}": control.name for control in CONTROLS.values()} | {f"cc {PANIC_CC}": PANIC}
        kept = {source: name for source, name in usual.items() if name not in learned.values()}
        self.bindings = kept | learned
        self.armed: str | None = None

    def take(self, data: bytes) -> tuple[str, Any] | None:
        """What an incoming message means: (control name or 'panic', value), or None for plain music.

        While armed, the first fitting message is bound instead and also acts.
        """
        kind = _KINDS.get(data[0] & 0xF0)
        if kind is None or len(data) < 2:
            return None
        source = f"{kind} {data[1]}"
        if self.armed is not None:
            # a knob has one source: what moved it before is free again
            self.bindings = {key: name for key, name in self.bindings.items() if name != self.armed}
            self.bindings[source] = self.armed
            self.armed = None
        name = self.bindings.get(source)
        if name is None or (name != PANIC and name not in CONTROLS):  # an old settings file may know other knobs
            return None
        position = data[2] if len(data) > 2 else 127
        if name == PANIC:
            return (PANIC, True) if position > 0 else None
        return name, CONTROLS[name].from_cc(position)
