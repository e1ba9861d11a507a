"""Keys of the computer keyboard while playing: one key, one wish. Works where stdin is a terminal."""

from __future__ import annotations

import os
import sys
from typing import Any

from aigc_music.core.controls import CONTROLS

__all__ = ["Keyboard", "wish_of"]

_QUIT = {"q", "\x04"}
_PANIC = {" ", "p", "\x1b"}
_VERDICTS = {"y": True, "n": False}  # keep or discard what was just played


def wish_of(key: str, values: dict[str, Any]) -> dict[str, Any] | None:
    """The wish that `key` stands for, given the present control values; None for a key without meaning."""
    if key in _QUIT:
        return {"do": "quit"}
    if key in _PANIC:
        return {"do": "panic"}
    if key in _VERDICTS:
        return {"do": "rate", "keep": _VERDICTS[key]}
    for control in CONTROLS.values():
        if key in control.keys:
            steps = 1 if key == control.keys[1] else -1
            return {"do": "set", "name": control.name, "value": control.stepped(values[control.name], steps)}
    return None


class Keyboard:
    """Reads single keys without waiting for Enter. Context: `close` gives the terminal back as it was."""

    def __init__(self) -> None:
        self.fd = sys.stdin.fileno()
        self._learning = False
        self._restore: Any = None
        if os.name == "posix":
            import termios
            import tty

            self._restore = termios.tcgetattr(self.fd)
            tty.setcbreak(self.fd)

    def wishes(self, snapshot: dict[str, Any]) -> list[dict[str, Any]]:
        """Wishes of the keys pressed since the last call."""
        import select

        wishes: list[dict[str, Any]] = []
        values = dict(snapshot.get("controls", {}))
        while values and select.select([self.fd], [], [], 0)[0]:
            data = os.read(self.fd, 1).decode("ascii", "ignore")
            if not data:
                wishes.append({"do": "quit"})
                break
            if data == "l" and not self._learning:
                self._learning = True
                continue
            wish = wish_of(data, values)
            if self._learning and wish is not None:
                self._learning = False
                if wish["do"] in ("set", "panic"):
                    wish = {"do": "learn", "name": wish.get("name", "panic")}
            if wish is not None:
                if wish["do"] == "set":
                    values[wish["name"]] = wish["value"]
                wishes.append(wish)
        return wishes

    def close(self) -> None:
        """Give the terminal back."""
        if self._restore is not None:
            import termios

            termios.tcsetattr(self.fd, termios.TCSADRAIN, self._restore)
