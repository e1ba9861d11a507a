"""Rendering a score in parts that add up to the mix: for stems and masters.

For each part the whole score is played, as in the mix, and only the chosen tracks are let through. So the voices,
their places in the noise, the phases of the chorus and the notes that give way are those of the mix. What the limiter
does to the mix is given beside the sound that enters it: a part under the mix's own gain is its share of the mix.

Threads: any, one a rendering. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aigc_music.core.notes import Score

from . import layout as at
from .engine import LATENCY_FRAMES, Synth
from .offline import BLOCK, SILENCE, TAIL_SECONDS, Queue, events_of

__all__ = ["Stretch", "render_parts"]

FADE_SECONDS = 1.0  # at the end of the longest tail: what still sounds there is not cut off
TURNS = 128  # of the limiter's memory in one Stretch: 8192 frames, 0.17 s at 48 kHz
CC_LEVEL = 7


class Stretch(NamedTuple):
    """Some frames of sound. heard: (n, 2) float32, as live plays it. dry: (n, 2) float32, before the limiter.
    gain: (n,) float64, what the limiter does to them: heard is dry times gain, to a float's precision."""

    heard: npt.NDArray[np.float32]
    dry: npt.NDArray[np.float32]
    gain: npt.NDArray[np.float64]


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
    length = round(score.seconds() * sample_rate)
    longest = length + round(TAIL_SECONDS * sample_rate)
    limit = longest if frames is None else frames
    synth, queue = _prepared(score, sample_rate, range(len(score.tracks)) if only is None else only)
    step = at.LOOKAHEAD * TURNS
    begun = -LATENCY_FRAMES
    waiting, gains = np.zeros((LATENCY_FRAMES, 2), np.float32), np.ones(LATENCY_FRAMES)
    while begun < limit:
        pieces = [_turn(synth, queue, begun + LATENCY_FRAMES + at.LOOKAHEAD * turn) for turn in range(TURNS)]
        heard, entering, new_gains = (np.concatenate([piece[row] for piece in pieces]) for row in range(3))
        # what leaves the limiter is what entered it LATENCY_FRAMES ago, by the mean of its last LOOKAHEAD gains
        waiting, gains = np.concatenate((waiting, entering)), np.concatenate((gains, new_gains))
        gain = np.lib.stride_tricks.sliding_window_view(gains, at.LOOKAHEAD).mean(axis=1)
        first, last = max(0, -begun), min(step, limit - begun)
        left = (longest - begun - np.arange(first, last)) / (FADE_SECONDS * sample_rate)
        fade = np.square(np.sin(np.pi / 2 * np.clip(left, 0.0, 1.0))).astype(np.float32)[:, None]
        yield Stretch(heard[first:last] * fade, waiting[first:last] * fade, gain[first:last])
        waiting, gains = waiting[step:], gains[step:]
        begun += step
        quiet = float(np.abs(heard[-BLOCK:]).max()) < SILENCE and not synth.sounding
        if frames is None and begun >= length and quiet:
            return


def _turn(synth: Synth, queue: Queue, frame: int) -> tuple[npt.NDArray, npt.NDArray, npt.NDArray]:
    """The next LOOKAHEAD frames: heard, what enters the limiter, and its gains; it remembers just so many."""
    heard = synth.render(at.LOOKAHEAD, queue.take(frame, at.LOOKAHEAD))
    floats = synth.state.floats
    sides = [floats[start : start + at.LOOKAHEAD] for start in (at.F_LIMIT_L, at.F_LIMIT_R)]
    return heard, np.stack(sides, axis=1), floats[at.F_LIMIT_BOX : at.F_LIMIT_BOX + at.LOOKAHEAD].astype(np.float64)


def _prepared(score: Score, sample_rate: int, wanted: Collection[int]) -> tuple[Synth, Queue]:
    """A synth on which all channels that only other tracks play on are silent, and what it is to play."""
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
    events = [
        (seconds, data)
        for seconds, data in events_of(score)
        if not (data[0] & 0xF0 == 0xB0 and data[1] == CC_LEVEL and data[0] & 0x0F in silent)
    ]
    return synth, Queue(events, sample_rate)


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
                program=programs[-1] if track.program is None and programs else track.program,
                notes=[note._replace(channel=moves.get(note.channel, note.channel)) for note in track.notes],
                controls=[*track.controls, *controls],
            )
        )
    return replace(score, tracks=tracks), homes


def _channels_of(score: Score, numbers: Collection[int]) -> set[int]:
    return {note.channel for number in numbers for note in score.tracks[number].notes}


def _channel(synth: Synth, channel: int) -> npt.NDArray[np.int64]:
    """The settings of a channel, see layout.CH_KIND and its neighbours."""
    return synth.state.ints[at.I_CHANNEL + channel * at.CH_STRIDE :][: at.CH_STRIDE]


def _gains(synth: Synth, channel: int) -> npt.NDArray[np.float32]:
    """The smoothed gains of a channel, see layout.CF_LEFT and its neighbours."""
    return synth.state.floats[at.F_CHANNEL + channel * at.CF_STRIDE :][: at.CF_STRIDE]
