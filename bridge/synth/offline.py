"""Rendering without a sound card: timed MIDI bytes in, a stereo array out, the same sound as live.

A score can also be rendered in parts, for stems and masters: then all of it is played, as in the mix, and only the
chosen tracks are let through. Voices, their places in the noise and the notes that give way are those of the mix, so
the parts add up to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aigc_music.core.notes import Score

from . import layout as at
from .engine import LATENCY_FRAMES, Synth

__all__ = ["Stretch", "render_events", "render_parts", "render_score"]

BLOCK = 1024
TAIL_SECONDS = 4.0
SILENCE = 10 ** (-84 / 20)
FADE_SECONDS = 1.0  # at the end of the longest tail of parts: what still sounds there is not cut off
STRETCH = 128  # turns of the limiter's memory in one Stretch: 8192 frames, 0.17 s at 48 kHz
CC_LEVEL = 7


class Stretch(NamedTuple):
    """Some frames of sound. heard: (n, 2) float32, as live plays it. dry: (n, 2) float32, before the limiter.
    gain: (n,) float64, what the limiter does to them: heard is dry times gain, to a float's precision."""

    heard: npt.NDArray[np.float32]
    dry: npt.NDArray[np.float32]
    gain: npt.NDArray[np.float64]


def render_events(
    events: Iterable[tuple[float, bytes]], seconds: float, sample_rate: int = 48_000
) -> npt.NDArray[np.float32]:
    """Render (seconds, MIDI bytes) events to float32 of shape (n, 2), frame 0 being second 0.

    `seconds` is the length of the music; a tail follows until the sound is below -84 dBFS, 4 s at most. Events
    may come in any order and are played by time; those at or after `seconds` are heard only inside the tail.
    The synth's fixed latency is taken out: a note at second t starts at frame t * sample_rate.
    """
    synth = Synth(sample_rate)
    queue = _Queue(events, sample_rate)
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
    return render_events(_events_of(score), score.seconds(), sample_rate)


def render_parts(
    score: Score, sample_rate: int = 48_000, only: Collection[int] | None = None, frames: int | None = None
) -> Iterator[Stretch]:
    """Render a score piece by piece, from frame 0 on, tail included; together as long as `render_score`.

    only: numbers of the tracks, from 0, that are let through; None lets all. frames: render exactly so many, such as
    the mix has, instead of listening for the end of the tail.

    What is heard is what `render_score` renders, where no two tracks share a channel; but what still sounds in the
    last second of the longest tail is faded out. Tracks that share a channel are given channels of their own, as in a
    studio, while there are free ones of the sixteen: no note of the one ends a note of the other. Beyond that the
    parts of a shared channel do not quite add up to the mix.
    """
    wanted = range(len(score.tracks)) if only is None else only
    score, homes = _parted(score)
    others = [number for number in range(len(score.tracks)) if number not in wanted]
    heard_on = _channels_of(score, wanted)
    silent = _channels_of(score, others) - heard_on
    synth = Synth(sample_rate)
    for channel, home in homes.items():
        _channel(synth, channel)[:] = _channel(synth, home)
        _gains(synth, channel)[:] = _gains(synth, home)
    for channel in silent:
        _channel(synth, channel)[at.CH_LEVEL] = 0
        _gains(synth, channel)[[at.CF_LEFT, at.CF_RIGHT]] = 0
    for number in others:  # where channels ran out
        track = score.tracks[number]
        score.tracks[number] = replace(track, notes=[note for note in track.notes if note.channel not in heard_on])
    queue = _Queue(_without_levels(_events_of(score), silent), sample_rate)
    length = max(0, round(score.seconds() * sample_rate))
    longest = length + round(TAIL_SECONDS * sample_rate)
    limit = longest if frames is None else frames
    step = at.LOOKAHEAD * STRETCH
    begun = -LATENCY_FRAMES
    before = Stretch(*(np.zeros((LATENCY_FRAMES, 2), np.float32),) * 2, np.ones(LATENCY_FRAMES))
    while begun < limit:
        pieces = [_turn(synth, queue, begun + LATENCY_FRAMES + at.LOOKAHEAD * turn) for turn in range(STRETCH)]
        heard, ahead, gain = (np.concatenate([piece[row] for piece in pieces]) for row in range(3))
        # the limiter's output is its input of LATENCY_FRAMES ago by the mean of the last LOOKAHEAD gains
        dry = np.concatenate((before.dry, ahead))
        gains = np.concatenate((before.gain, gain))
        mean = np.lib.stride_tricks.sliding_window_view(gains, at.LOOKAHEAD).mean(axis=1)
        before = Stretch(heard, dry[step:], gains[step:])
        first, last = max(0, -begun), min(step, limit - begun)
        left = (longest - begun - np.arange(first, last)) / (FADE_SECONDS * sample_rate)
        fade = np.square(np.sin(np.pi / 2 * np.clip(left, 0.0, 1.0))).astype(np.float32)[:, None]
        yield Stretch(heard[first:last] * fade, dry[first:last] * fade, mean[first:last])
        begun += step
        quiet = float(np.abs(heard[-BLOCK:]).max()) < SILENCE and not synth.sounding
        if frames is None and begun >= length and quiet:
            return


def _channel(synth: Synth, channel: int) -> npt.NDArray[np.int64]:
    return synth.state.ints[at.I_CHANNEL + channel * at.CH_STRIDE :][: at.CH_STRIDE]


def _gains(synth: Synth, channel: int) -> npt.NDArray[np.float32]:
    return synth.state.floats[at.F_CHANNEL + channel * at.CF_STRIDE :][: at.CF_STRIDE]


def _turn(synth: Synth, queue: _Queue, frame: int) -> Stretch:
    """The next LOOKAHEAD frames: heard, what enters the limiter, and its gains, which it keeps for just so long."""
    heard = synth.render(at.LOOKAHEAD, queue.take(frame, at.LOOKAHEAD))
    floats = synth.state.floats
    sides = [floats[start : start + at.LOOKAHEAD] for start in (at.F_LIMIT_L, at.F_LIMIT_R)]
    gain = floats[at.F_LIMIT_BOX : at.F_LIMIT_BOX + at.LOOKAHEAD].astype(np.float64)
    return Stretch(heard, np.stack(sides, axis=1), gain)


class _Queue:
    """Events in order of time, taken block by block."""

    def __init__(self, events: Iterable[tuple[float, bytes]], sample_rate: int) -> None:
        self.events = sorted(((round(at * sample_rate), data) for at, data in events), key=lambda event: event[0])
        self.taken = 0

    def take(self, frame: int, frames: int) -> list[tuple[int, bytes]]:
        """Those before frame + frames that were not taken yet, by their place from `frame` on, 0 or more."""
        inside = []
        while self.taken < len(self.events) and self.events[self.taken][0] < frame + frames:
            when, data = self.events[self.taken]
            inside.append((max(0, when - frame), data))
            self.taken += 1
        return inside


def _events_of(score: Score) -> list[tuple[float, bytes]]:
    """(seconds, MIDI bytes) of all tracks."""
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


def _parted(score: Score) -> tuple[Score, dict[int, int]]:
    """The score with every track on channels of its own, while there are free ones; new channel -> its old one.

    A track that moves takes its channel's controls along, and its program where it has none of its own.
    """
    played = _channels_of(score, range(len(score.tracks)))
    free = [channel for channel in range(at.CHANNELS) if channel not in played]
    taken: set[int] = set()
    homes: dict[int, int] = {}
    tracks = []
    for number, track in enumerate(score.tracks):
        moves: dict[int, int] = {}
        for channel in sorted(_channels_of(score, [number])):
            if channel in taken and free:
                moves[channel] = free.pop(0)
            taken.add(channel)
        homes |= {new: old for old, new in moves.items()}
        sharing = [other for other in score.tracks if any(note.channel in moves for note in other.notes)]
        programs = [other.program for other in sharing if other.program is not None]
        controls = [
            (tick, moves[channel], controller, value)
            for other in score.tracks
            for tick, channel, controller, value in other.controls
            if channel in moves
        ]
        tracks.append(
            replace(
                track,
                program=programs[-1] if moves and track.program is None and programs else track.program,
                notes=[note._replace(channel=moves.get(note.channel, note.channel)) for note in track.notes],
                controls=[*track.controls, *controls],
            )
        )
    return replace(score, tracks=tracks), homes


def _channels_of(score: Score, numbers: Collection[int]) -> set[int]:
    return {note.channel for number in numbers for note in score.tracks[number].notes}


def _without_levels(events: Iterable[tuple[float, bytes]], silent: Collection[int]) -> Iterator[tuple[float, bytes]]:
    """The events but those that set the level of a silent channel."""
    for seconds, data in events:
        if not (data[0] & 0xF0 == 0xB0 and data[1] == CC_LEVEL and data[0] & 0x0F in silent):
            yield seconds, data
