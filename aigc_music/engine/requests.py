"""What can be asked of the engine. A request is frozen, checked when it is made, and always carries its seed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from aigc_music.core.controls import CONTROLS
from aigc_music.core.errors import UsageError
from aigc_music.core.styles import STYLES, style_id
from aigc_music.core.time import Metre, check_bpm

__all__ = ["MusicRequest"]


@dataclass(frozen=True, slots=True)
class MusicRequest:
    """A piece of music.

    style, key: names; bpm: None takes one that suits the style; bars: 1..512; metre: (beats, unit);
    density 0..1; temperature 0.2..2; seed: None draws one, which is then kept in the request.
    """

    style: str = "pop"
    key: str = "C major"
    bpm: float | None = None
    bars: int = 16
    metre: tuple[int, int] = (4, 4)
    density: float = 0.5
    temperature: float = 1.0
    model: str = "default"
    seed: int = field(default_factory=lambda: secrets.randbelow(1 << 31))

    def __post_init__(self) -> None:
        object.__setattr__(self, "style", CONTROLS["style"].check(self.style))
        object.__setattr__(self, "key", CONTROLS["key"].check(self.key))
        object.__setattr__(self, "density", CONTROLS["density"].check(self.density))
        object.__setattr__(self, "temperature", CONTROLS["temperature"].check(self.temperature))
        bpm = STYLES[style_id(self.style)].bpm if self.bpm is None else self.bpm
        object.__setattr__(self, "bpm", check_bpm(bpm))
        if not 1 <= self.bars <= 512:
            raise UsageError(f"bars {self.bars!r} is out of range: give 1..512")
        beats, unit = self.metre
        if not (1 <= beats <= 16 and unit in (2, 4, 8, 16)):
            raise UsageError(f"metre {self.metre!r}: give 1..16 beats of a 1/2, 1/4, 1/8 or 1/16 note")

    @property
    def bar_ticks(self) -> int:
        """Length of one bar in ticks."""
        return Metre(*self.metre).bar_ticks
