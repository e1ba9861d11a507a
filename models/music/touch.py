"""How a given note is played: its place beside the grid and its velocity, drawn from the model.

Part, grid place, pitch and length are what they are: the heads see them as if they had been drawn. Only the heads for
micro-timing and velocity are asked, in their order, so the draw is exact.

Threads: one per stream. Realtime-safe: no (a dozen calls into compiled code a note).
"""

from __future__ import annotations

from typing import Protocol

from aigc_music.core.parts import DRUMS

from . import kernels
from . import representation as rep
from .decode_cpu import Conditions, Limits, Stream
from .memory import echoes, set_shifts

__all__ = ["Placed", "touch"]


class Placed(Protocol):
    """What is fixed of a note: tick near its grid place, part and pitch."""

    @property
    def tick(self) -> int: ...
    @property
    def part(self) -> int: ...
    @property
    def pitch(self) -> int: ...


_MICRO, _VELOCITY = 2, 4  # heads
_PLAYED = 1  # row of the sampling table: temperatures for music that was played


def touch(stream: Stream, conditions: Conditions, limits: Limits, note: Placed, index: int) -> tuple[int, int]:
    """(tick, velocity) with which the next note is played; feeds nothing. The draw depends on seed and index."""
    stream._conditions = conditions
    conditions.play_only(limits.allowed)
    stream._digest()
    weights, buffers, cells, top = stream._heads, stream._buffers, stream._cells, stream._trunk.top
    choices, at = buffers.choices, buffers.at
    unit = max(rep.onset_classes(note.tick).unit, int(cells[kernels.UNIT_NOW]))
    kernels.look(conditions.array, conditions.chords, conditions.form, unit, at)
    choices[0] = note.part
    choices[1] = rep.delta_class(int(cells[kernels.UNIT_NOW]), unit)
    choices[kernels.ONSET : kernels.ONSET + kernels.ONSETS] = at[kernels.ONSET_PLACES]
    choices[kernels.LAST] = cells[kernels.LAST_PITCH + note.part]
    trace = cells[kernels.TRACE : kernels.KNOWN]
    set_shifts(stream._memory, trace, at[2] * at[3], at[kernels.P_POINTER], buffers.shifts)
    lengths = choices[kernels.LENGTHS : kernels.LENGTHS + rep.SOURCES]
    echoes(stream._memory, trace, buffers.shifts, unit, note.part, 0, buffers.echo, lengths)

    kit = int(note.part == DRUMS)
    drawn: list[int] = []
    for head, count in ((_MICRO, rep.MICROS), (_VELOCITY, rep.VELOCITIES)):
        if head == _VELOCITY:
            choices[kernels.COLUMN[_MICRO]] = drawn[0]
            choices[kernels.PITCH] = note.pitch
            for source in range(rep.SOURCES):
                pitch = buffers.echo[source]
                choices[kernels.SAME + source] = 0 if pitch == rep.NO_PITCH else 1 if pitch == note.pitch else 2
        kernels.head(weights, buffers, head, top)
        buffers.scores[:count] = buffers.logits[:count]
        temperature, top_p = stream.model.sampling[_PLAYED, kit, head]
        noise = kernels.uniform(stream.seed, 0, index, head)
        drawn.append(int(kernels.pick(buffers.scores, count, temperature, top_p, noise)))
    spread = float(kernels.uniform(stream.seed, 0, index, kernels.HEADS))
    return rep.decode_onset(unit, drawn[0]), rep.decode_velocity(drawn[1], spread)
