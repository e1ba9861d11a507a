"""Finding the one port that a part of a name means."""

from __future__ import annotations

from collections.abc import Sequence

from aigc_music.core.errors import PortError

__all__ = ["find_port"]


def find_port(wanted: str, names: Sequence[str], what: str) -> str:
    """The name that equals `wanted`, or the only one that contains it (case does not count).

    what: 'output' or 'input', for the message. Raises PortError that lists the candidates.
    """
    if wanted in names:
        return wanted
    part = wanted.casefold()
    found = sorted(name for name in names if part in name.casefold())
    if len(found) == 1:
        return found[0]
    if found:
        raise PortError(f"{wanted!r} fits {len(found)} {what} ports: {', '.join(found)}. Give more of the name.")
    there = ", ".join(names) if names else "none at all"
    raise PortError(f"no {what} port has {wanted!r} in its name. There are: {there}. See: aigc-music ports")
