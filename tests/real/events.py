"""What should have been heard, by the journal; what was heard, by a recorder; and how far they are apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aigc_music.core.time import NS_PER_MINUTE, TICKS_PER_QUARTER
from bridge.journal import read_journal

__all__ = ["Comparison", "Heard", "compare", "expected_notes", "heard", "sounding"]

_NS = 1_000_000_000


class Heard(NamedTuple):
    """One note message. frame: JACK frames, from any origin."""

    frame: float
    on: bool
    channel: int
    pitch: int
    velocity: int


def heard(messages: Iterable[tuple[float, bytes]]) -> list[Heard]:
    """The note messages among (frame, bytes)."""
    out = []
    for frame, data in messages:
        kind = data[0] & 0xF0
        if kind in (0x80, 0x90):
            on = kind == 0x90 and data[2] > 0
            out.append(Heard(frame, on, data[0] & 15, data[1], data[2] if on else 0))
    return out


def expected_notes(journal: Path | Sequence[dict[str, Any]], rate: int = 48_000) -> list[Heard]:
    """All notes of the band as the journal has them, in frames of player time, ons and offs in order.

    The tempo line in force gives the time of a tick. A note that starts again ends first. Where the journal cuts,
    the ends are left out (they went out at once, at no tick of their own), and so are notes not yet begun by then.
    """
    messages = read_journal(journal) if isinstance(journal, Path) else journal
    line = (0, 0, NS_PER_MINUTE // 120)
    open_notes: list[tuple[int, int, int, int]] = []  # end tick, channel, pitch, start tick
    out: list[Heard] = []

    def frame_at(tick: int) -> int:
        ns = line[1] + (tick - line[0]) * line[2] // TICKS_PER_QUARTER
        return (ns * rate + _NS // 2) // _NS

    def close(until: int) -> None:
        for note in sorted(note for note in open_notes if note[0] <= until):
            out.append(Heard(frame_at(note[0]), False, note[1], note[2], 0))
            open_notes.remove(note)

    for message in messages:
        match message.get("is"):
            case "line":
                close(message["tick"])
                line = (message["tick"], message["ns"], round(NS_PER_MINUTE / message["bpm"]))
            case "played":
                for tick, pitch, velocity, duration, channel in message["notes"]:
                    close(tick)
                    for note in [note for note in open_notes if note[1:3] == (channel, pitch)]:
                        out.append(Heard(frame_at(tick), False, channel, pitch, 0))
                        open_notes.remove(note)
                    out.append(Heard(frame_at(tick), True, channel, pitch, velocity))
                    open_notes.append((tick + duration, channel, pitch, tick))
            case "cut":
                open_notes.clear()
                cut = frame_at(message["tick"])
                out = [event for event in out if not event.on or event.frame < cut]
    close(1 << 60)
    return sorted(out, key=lambda event: (event.frame, event.on))


class Comparison(NamedTuple):
    """How a recording differs from what was expected. Times in frames, after the best common shift."""

    expected: int
    recorded: int
    missing: int
    extra: int
    worst: float


def compare(expected: Sequence[Heard], recorded: Sequence[Heard]) -> Comparison:
    """Match the ons (and then the offs) of each (channel, pitch) in their order; ends are compared too.

    The two clocks differ by a constant: the median difference is taken out. A wrong velocity counts as missing.
    """
    missing = extra = 0
    pairs: list[tuple[float, float]] = []
    keys = {(e.on, e.channel, e.pitch) for e in (*expected, *recorded)}
    for key in keys:
        wanted = [e for e in expected if (e.on, e.channel, e.pitch) == key]
        got = [e for e in recorded if (e.on, e.channel, e.pitch) == key]
        missing += max(0, len(wanted) - len(got))
        extra += max(0, len(got) - len(wanted))
        same = [(w.frame, g.frame) for w, g in zip(wanted, got, strict=False) if w.velocity == g.velocity]
        missing += min(len(wanted), len(got)) - len(same)
        pairs += same
    if not pairs:
        return Comparison(len(expected), len(recorded), missing, extra, float("inf"))
    differences = sorted(got - wanted for wanted, got in pairs)
    shift = differences[len(differences) // 2]
    worst = max(abs(differences[0] - shift), abs(differences[-1] - shift))
    return Comparison(len(expected), len(recorded), missing, extra, worst)


def sounding(messages: Iterable[tuple[float, bytes]]) -> set[tuple[int, int]]:
    """(channel, pitch) of the notes that are on at the end, as a synth would hear them (CC120 and CC123 count)."""
    held: set[tuple[int, int]] = set()
    for _, data in messages:
        kind, channel = data[0] & 0xF0, data[0] & 15
        if kind == 0x90 and data[2]:
            held.add((channel, data[1]))
        elif kind in (0x80, 0x90):
            held.discard((channel, data[1]))
        elif kind == 0xB0 and data[1] in (120, 123):
            held = {note for note in held if note[0] != channel}
    return held
