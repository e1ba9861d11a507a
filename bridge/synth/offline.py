"""Rendering without a sound card: timed MIDI bytes in, a stereo array out, the same sound as live."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from aigc_music.core.notes import Score

from .engine import LATENCY_FRAMES, Synth

__all__ = ["BLOCK", "SILENCE", "TAIL_SECONDS", "Queue", "events_of", "render_events", "render_score"]

BLOCK = 1024
TAIL_SECONDS = 4.0
SILENCE = 10 ** (-84 / 20)


def render_events(
    events: Iterable[tuple[float, bytes]], seconds: float, sample_rate: int = 48_000
) -> npt.NDArray[np.float32]:
    """Render (seconds, MIDI bytes) events to float32 of shape (n, 2), frame 0 being second 0.

    `seconds` is the length of the music; a tail follows until the sound is below -84 dBFS, 4 s at most. Events
    may come in any order and are played by time; those at or after `seconds` are heard only inside the tail.
    The synth's fixed latency is taken out: a note at second t starts at frame t * sample_rate.
    """
    synth = Synth(sample_rate)
    queue = Queue(events, sample_rate)
    length = max(0, round(seconds * sample_rate))
    limit = length + round(TAIL_SECONDS * sample_rate)
    blocks: list[npt.NDArray[np.float32]] = []
    done = 0
    while done < limit + LATENCY_FRAMES:
        frames = min(BLOCK, limit + LATENCY_FRAMES - done)
        blocks.append(synth.render(frames, queue.take(done, frames)))
        done += frames
        if done >= length + LATENCY_FRAMES and float(np.abs(blocks[-1]).max()) < SILENCE and not synth.sounding:
            break
    return np.concatenate(blocks)[LATENCY_FRAMES:]


def render_score(score: Score, sample_rate: int = 48_000) -> npt.NDArray[np.float32]:
    """Render a score to float32 of shape (n, 2), tail included.

    Tracks with a program choose their sound by it, the others play what their channel stands for in the band.
    Controls (pedal, level, pan ...) are followed.
    """
    return render_events(events_of(score), score.seconds(), sample_rate)


def events_of(score: Score) -> list[tuple[float, bytes]]:
    """(seconds, MIDI bytes) of all tracks, in order of time."""
    at_ns = score.tempo_map().ns_at
    # at equal times: programs, controls, offs, ons
    timed: list[tuple[float, int, bytes]] = []
    for track in score.tracks:
        if track.program is not None:
            timed += [
                (0.0, 0, bytes((0xC0 | channel, track.program))) for channel in {n.channel for n in track.notes}
            ]
        timed += [
            (at_ns(tick) / 1e9, 1, bytes((0xB0 | ch, number, value))) for tick, ch, number, value in track.controls
        ]
        for note in track.notes:
            timed.append((at_ns(note.end) / 1e9, 2, bytes((0x80 | note.channel, note.pitch, 0))))
            timed.append((at_ns(note.tick) / 1e9, 3, bytes((0x90 | note.channel, note.pitch, note.velocity))))
    timed.sort(key=lambda event: event[:2])
    return [(seconds, data) for seconds, _, data in timed]


class Queue:
    """Events in order of time, taken block by block."""

    def __init__(self, events: Iterable[tuple[float, bytes]], sample_rate: int) -> None:
        self._events = sorted(((round(at * sample_rate), data) for at, data in events), key=lambda event: event[0])
        self._taken = 0

    def take(self, frame: int, frames: int) -> list[tuple[int, bytes]]:
        """Those before frame + frames that were not taken yet, by their place from `frame` on, 0 or more."""
        inside = []
        while self._taken < len(self._events) and self._events[self._taken][0] < frame + frames:
            when, data = self._events[self._taken]
            inside.append((max(0, when - frame), data))
            self._taken += 1
        return inside
