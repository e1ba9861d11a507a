"""Score <-> pretty_midi.PrettyMIDI, the interchange object of music research in Python.

pretty_midi counts seconds, keeps one list of lyrics for the whole piece and knows no channels, titles or
markers: those are lost on the way there. On the way back drums stand on channel 9, the other instruments on
0, 1, 2 ... without 9, and the lyrics go to the track whose notes begin where they stand. Notes, velocities,
names, programs, controllers, tempo, metre, key, texts and lyrics survive both ways to the tick.

Threads: any. Realtime-safe: no. pretty_midi is imported on first use.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..core.errors import UsageError
from ..core.notes import Note, Score, Track
from ..core.theory import Key
from ..core.time import BPM_MAX, BPM_MIN, TICKS_PER_QUARTER, Metre
from .midi import bpm_of_micros, score_bytes

if TYPE_CHECKING:
    from pretty_midi import PrettyMIDI

__all__ = ["from_pretty_midi", "to_pretty_midi"]

_MELODIC_CHANNELS = [channel for channel in range(16) if channel != 9]


def to_pretty_midi(score: Score) -> PrettyMIDI:
    """`score` as a PrettyMIDI; a Track without notes, or without a program, is none or program 0 there.

    Raises UsageError for values that MIDI cannot hold, and for scores beyond the 10 million ticks (almost six
    hours at 60 bpm) at which pretty_midi stops.
    """
    from pretty_midi import PrettyMIDI

    data = score_bytes(score)
    try:
        return PrettyMIDI(io.BytesIO(data), charset="utf-8")
    except ValueError as error:
        raise UsageError(f"pretty_midi cannot hold this score: {error}: give it a shorter one") from error


def from_pretty_midi(pretty: PrettyMIDI) -> Score:
    """The Score of a PrettyMIDI. Times become the nearest of 480 ticks a quarter; pitch bends are dropped."""
    begins: list[float] = []  # of the stretches of one tempo: seconds,
    ticks: list[int] = []  # tick,
    rates: list[float] = []  # ticks a second
    for seconds, bpm in zip(*pretty.get_tempo_changes(), strict=True):
        ticks.append(ticks[-1] + round((float(seconds) - begins[-1]) * rates[-1]) if ticks else 0)
        begins.append(float(seconds))
        rates.append(float(bpm) * TICKS_PER_QUARTER / 60)

    def tick_at(seconds: float) -> int:
        index = max(0, bisect_right(begins, seconds) - 1)
        return max(0, ticks[index] + round((float(seconds) - begins[index]) * rates[index]))

    def timed(events: Iterable[Any]) -> list[tuple[int, str]]:
        return sorted(((tick_at(event.time), event.text) for event in events), key=lambda event: event[0])

    score = Score(texts=timed(pretty.text_events))
    for tick, rate in zip(ticks, rates, strict=True):
        micros = max(1, round(1e6 * TICKS_PER_QUARTER / rate))  # as in the file: free of the noise of seconds
        score.tempos.append((tick, min(max(bpm_of_micros(micros), BPM_MIN), BPM_MAX)))
    score.metres = sorted(
        (tick_at(change.time), Metre(int(change.numerator), int(change.denominator)))
        for change in pretty.time_signature_changes
    )
    score.keys = sorted(
        (
            tick_at(change.time),
            str(Key(change.key_number % 12, "minor" if change.key_number >= 12 else "major")),
        )
        for change in pretty.key_signature_changes
    )
    melodic = 0
    for instrument in pretty.instruments:
        channel = 9 if instrument.is_drum else _MELODIC_CHANNELS[melodic % 15]
        melodic += not instrument.is_drum
        track = Track(instrument.name.strip(), int(instrument.program))
        for note in instrument.notes:
            start = tick_at(note.start)
            duration = max(1, tick_at(note.end) - start)
            track.notes.append(Note(start, int(note.pitch), int(note.velocity), duration, channel))
        track.notes.sort()
        track.controls = [
            (tick_at(change.time), channel, int(change.number), int(change.value))
            for change in instrument.control_changes
        ]
        track.controls.sort(key=lambda event: event[0])
        score.tracks.append(track)
    lyrics = timed(pretty.lyrics)
    if lyrics:
        _sung_track(score, {tick for tick, _ in lyrics}).lyrics = lyrics
    return score


def _sung_track(score: Score, ticks: set[int]) -> Track:
    """The track with the most note onsets at `ticks`; a new one where there is none."""
    best = max(score.tracks, key=lambda track: len(ticks & {note.tick for note in track.notes}), default=None)
    if best is None:
        best = Track("lyrics")
        score.tracks.append(best)
    return best
