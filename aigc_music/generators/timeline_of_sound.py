"""What can be heard in a sound that nobody has notes of, as a Timeline, so that it drives pictures as a song does.

Onsets are peaks of the spectral flux of log magnitudes, in three bands (after S. Boeck, F. Krebs, M. Schedl,
"Evaluating the online capabilities of onset detection methods", 2012); beats are the path through their strength that
is most even (D. Ellis, "Beat tracking by dynamic programming", 2007); chords and key are the likeliest by chroma. Low
onsets become bass and kick, middle ones the tune, with the strongest partial as its pitch, and a voice below it; high
ones cymbals. It is an estimate to make pictures by, not a transcription. Nothing is left to chance.

Threads: any. Realtime-safe: no (about 0.5 s of CPU a minute).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import UsageError
from aigc_music.core.parts import DRUMS, PART_NAMES
from aigc_music.core.sounds import Sound
from models.music.corpus import KEY_PROFILES

from .timeline import ChordSpan, SectionSpan, Timeline

__all__ = ["timeline_of_sound"]

Floats = NDArray[np.float64]

HOP_S = 0.01
WINDOW_S = 0.023
BLOCK = 2048  # frames of spectra worked on at once
BANDS_PER_OCTAVE = 6
COMPRESSION = 1000.0  # magnitudes of full scale before the logarithm
EARLY_S = 0.006  # how much earlier a peak of the flux is than what set it off, between clicks and whole songs
NEAR_S = 0.04  # a peak is the largest so near
AROUND_S = 0.12  # and stands out from the mean so near
GAP_S = 0.06  # between onsets of one band
SURE = 0.18  # by how much of the usual strongest peak it has to stand out
CHROMA_S = 0.2
BEAT_RANGE = (0.30, 1.0)  # seconds a beat
USUAL_BEAT = 0.5
EVEN = 300.0  # how much an even beat counts beside strong onsets
BAR_BEATS = 4
GROUP_BARS = 4


class Band(NamedTuple):
    """low, high: Hz. pitches: Hz between which its pitch is looked for."""

    low: float
    high: float
    pitches: tuple[float, float]


BANDS: dict[str, Band] = {
    "low": Band(30, 160, (32, 160)),
    "middle": Band(200, 2400, (196, 1400)),
    "high": Band(4000, 12000, (4000, 12000)),
}


def timeline_of_sound(sound: Sound) -> Timeline:
    """The timeline of a sound of at least a second; beats come in bars of four. UsageError for less."""
    if sound.seconds < 1:
        raise UsageError(f"the sound has {sound.seconds:.2f} seconds: pictures need one second of music at least")
    wave = sound.frames.mean(axis=1).astype(np.float32)
    flux = _flux(wave, sound.rate)
    onsets = {name: _peaks(strength) for name, strength in flux.items()}
    whole = sum(strength / max(1e-9, float(strength.max())) for strength in flux.values())
    assert isinstance(whole, np.ndarray)
    beats = _beats(whole)
    chroma = _chroma(wave, sound.rate)
    bars = beats[_downbeat(beats, flux["low"], chroma) :: BAR_BEATS]
    tonic, minor = _key(chroma.sum(axis=0))
    energy = _energy(wave, sound.rate, bars)
    notes = _notes(wave, sound.rate, flux, onsets)
    period = float(np.median(np.diff(beats))) if len(beats) > 1 else USUAL_BEAT
    rate = len(notes) / sound.seconds
    lively = 0.5 * (60 / period - 105) / 60 + 0.3 * (math.log2(max(rate, 0.25)) - 2.5) / 2
    return Timeline(
        seconds=sound.seconds, notes=notes, chords=tuple(_chords(chroma, bars, sound.seconds)),
        sections=tuple(_sections(bars, energy, sound.seconds)), beats=beats, bars=bars, energy=energy,
        bright=-0.4 if minor else 0.4, arousal=float(np.clip(lively, -1, 1)), tonic=tonic, minor=minor,
        bpm=60 / period,
    )  # fmt: skip


def _spectra(wave: NDArray[np.float32], rate: int, window_s: float, hop_s: float) -> tuple[Any, Floats]:
    """Magnitudes (times, bins) of windows around 0, hop_s, 2 hop_s ..., about 1 for a full-scale sine; Hz of bins."""
    size, hop = 1 << round(math.log2(window_s * rate)), hop_s * rate
    shape = np.hanning(size + 1)[:-1]
    padded = np.pad(wave, size // 2)
    begins = np.round(np.arange(0, len(wave), hop)).astype(int)
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)
    parts = [np.abs(np.fft.rfft(windows[begins[row : row + BLOCK]] * shape, axis=1)).astype(np.float32)
             for row in range(0, len(begins), BLOCK)]  # fmt: skip
    hertz = np.asarray(np.fft.rfftfreq(size, 1 / rate), np.float64)
    return np.concatenate(parts) * np.float32(4 / size), hertz


def _flux(wave: NDArray[np.float32], rate: int) -> dict[str, Floats]:
    """How much each band gains from one hop to the next."""
    magnitudes, hertz = _spectra(wave, rate, WINDOW_S, HOP_S)
    logs = np.log1p(COMPRESSION * magnitudes)
    found = {}
    for name, band in BANDS.items():
        octaves = max(1, round(math.log2(band.high / band.low) * BANDS_PER_OCTAVE))
        edges = band.low * 2 ** (np.arange(octaves + 1) / BANDS_PER_OCTAVE)
        levels = []
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            bins = np.flatnonzero((hertz >= low) & (hertz < high))
            nearest = [int(np.argmin(np.abs(hertz - low)))]
            levels.append(logs[:, bins if len(bins) else nearest].mean(axis=1))
        table = np.stack(levels, 1)
        gains = np.maximum(0, table[2:] - table[:-2]).mean(axis=1)
        found[name] = np.pad(gains, (1, 1)).astype(np.float64)
    return found


def _peaks(strength: Floats) -> NDArray[np.int64]:
    """Hops at which something begins."""
    near, around = round(NEAR_S / HOP_S), round(AROUND_S / HOP_S)
    padded = np.pad(strength, near, constant_values=-1)
    largest = np.lib.stride_tricks.sliding_window_view(padded, 2 * near + 1).max(axis=1)
    window = np.ones(2 * around + 1) / (2 * around + 1)
    usual = np.convolve(np.pad(strength, around, mode="edge"), window, "valid")
    sure = SURE * float(np.quantile(strength, 0.995))
    kept: list[int] = []
    for hop in np.flatnonzero((strength >= largest) & (strength > usual + sure) & (strength > 1e-4)).tolist():
        if not kept or (hop - kept[-1]) * HOP_S >= GAP_S:
            kept.append(hop)
    return np.array(kept, np.int64)


def _beats(strength: Floats) -> Floats:
    """When beats fall, seconds: the tempo by autocorrelation, then the best path."""
    smooth = np.convolve(strength, np.hanning(7) / np.hanning(7).sum(), "same")
    smooth = smooth / max(1e-9, float(smooth.std()))
    lags = np.arange(round(BEAT_RANGE[0] / HOP_S), round(BEAT_RANGE[1] / HOP_S) + 1)
    lags = lags[lags < len(smooth) // 2]
    if not len(lags):
        return np.arange(0, len(strength) * HOP_S, USUAL_BEAT)
    same = np.array([float((smooth[lag:] * smooth[:-lag]).mean()) for lag in lags])
    liking = np.exp(-0.5 * (np.log2(lags * HOP_S / USUAL_BEAT) / 0.7) ** 2)
    period = int(lags[np.argmax(same * liking)])
    steps = np.arange(-2 * period, -(period // 2) + 1)
    cost = -EVEN * np.log(-steps / period) ** 2
    score, before = smooth.copy(), np.full(len(smooth), -1)
    for hop in range(2 * period, len(smooth)):
        ways = score[hop + steps] + cost
        best = int(np.argmax(ways))
        score[hop] += ways[best]
        before[hop] = hop + steps[best]
    last = len(score) - period + int(np.argmax(score[-period:]))
    path = [last]
    while before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    while path[-1] - period >= 0:  # the path begins where it could first look back
        path.append(path[-1] - period)
    return np.maximum(0.0, np.array(path[::-1]) * HOP_S + EARLY_S)


def _downbeat(beats: Floats, low: Floats, chroma: Floats) -> int:
    """Which of the first four beats begins a bar: where chords change most, and most bass begins."""
    hops = np.clip(np.round((beats - EARLY_S) / HOP_S).astype(int), 0, len(low) - 1)
    rows = np.minimum((beats / CHROMA_S).astype(int), len(chroma) - 1)
    sums = np.cumsum(np.vstack([np.zeros((1, 12)), chroma]), axis=0)
    after = sums[np.minimum(rows + 4, len(chroma))] - sums[rows]
    before = sums[rows] - sums[np.maximum(rows - 3, 0)]
    turned = 1 - (after * before).sum(1) / np.maximum(
        1e-9, np.linalg.norm(after, axis=1) * np.linalg.norm(before, axis=1)
    )
    weight = turned / max(1e-9, float(turned.mean())) + 0.5 * low[hops] / max(1e-9, float(low[hops].mean()))
    means = [float(weight[first::BAR_BEATS].mean()) if len(weight) > first else 0.0 for first in range(BAR_BEATS)]
    return int(np.argmax(means))


def _notes(
    wave: NDArray[np.float32], rate: int, flux: dict[str, Floats], onsets: dict[str, NDArray[np.int64]]
) -> Floats:
    rows: list[tuple[float, float, float, float, int]] = []
    melody, bass, keys = (PART_NAMES.index(name) for name in ("melody", "bass", "keys"))
    for name, band in BANDS.items():
        hops = onsets[name]
        if not len(hops):
            continue
        loudest = max(1e-9, float(np.quantile(flux[name][hops], 0.95)))
        times = np.maximum(0.0, hops * HOP_S + EARLY_S)
        ends = np.append(times[1:], len(wave) / rate)
        for hop, begin, after in zip(hops, times, ends, strict=True):
            hard = 0.3 + 0.7 * min(1.0, float(flux[name][hop]) / loudest)
            end = min(after, begin + (0.1 if name == "high" else 1.2))
            if name == "high":
                rows.append((begin, end, 42, hard, DRUMS))
                continue
            first, second = _pitches(wave, rate, begin, band.pitches)
            rows.append((begin, end, first, hard, bass if name == "low" else melody))
            if name == "low":
                rows.append((begin, begin + 0.1, 36, hard, DRUMS))
            else:
                rows.append((begin, end, second, 0.8 * hard, keys))
    return np.array(sorted(rows), np.float64).reshape(-1, 5)


def _pitches(wave: NDArray[np.float32], rate: int, begin: float, between: tuple[float, float]) -> tuple[int, int]:
    """The strongest partial just after an onset, and the strongest at least a third below it (or that an octave
    down), as MIDI pitches."""
    size = 1 << round(math.log2(0.09 * rate))
    start = round((begin + 0.01) * rate)
    piece = np.zeros(size, np.float32)
    there = wave[start : start + size]
    piece[: len(there)] = there
    magnitudes = np.abs(np.fft.rfft(piece * np.hanning(size), 4 * size))
    hertz = np.fft.rfftfreq(4 * size, 1 / rate)
    inside = np.flatnonzero((hertz >= between[0]) & (hertz <= between[1]))
    best = hertz[inside[np.argmax(magnitudes[inside])]]
    lower = np.flatnonzero((hertz >= 0.5 * between[0]) & (hertz <= best / 1.25))
    second = hertz[lower[np.argmax(magnitudes[lower])]] if len(lower) else best / 2
    first_pitch, second_pitch = (round(69 + 12 * math.log2(value / 440)) for value in (best, second))
    return int(np.clip(first_pitch, 0, 127)), int(np.clip(second_pitch, 0, 127))


def _chroma(wave: NDArray[np.float32], rate: int) -> Floats:
    """(times, 12): how much there is of each pitch class, every CHROMA_S."""
    magnitudes, hertz = _spectra(wave, rate, 0.19, CHROMA_S)
    inside = np.flatnonzero((hertz > 60) & (hertz < 1500))
    classes = np.round(69 + 12 * np.log2(hertz[inside] / 440)).astype(int) % 12
    table = np.zeros((len(magnitudes), 12))
    for pitch in range(12):
        table[:, pitch] = np.sqrt(magnitudes[:, inside[classes == pitch]]).sum(axis=1) / max(
            1, (classes == pitch).sum()
        )
    return table


def _key(weights: Floats) -> tuple[int, bool]:
    fits = [float(np.corrcoef(np.roll(profile, tonic), weights)[0, 1]) if weights.std() > 0 else 0.0
            for profile in KEY_PROFILES for tonic in range(12)]  # fmt: skip
    best = int(np.argmax(fits))
    return best % 12, best >= 12


def _chords(chroma: Floats, bars: Floats, seconds: float) -> list[ChordSpan]:
    """A triad a bar; the same one twice is one span."""
    shapes = np.array([[1.0 if (pitch - root) % 12 in (0, third, 7) else -0.35 for pitch in range(12)]
                       for third in (4, 3) for root in range(12)])  # fmt: skip
    edges = [float(bar) for bar in bars] + [seconds]
    found: list[ChordSpan] = []
    for begin, end in zip(edges[:-1], edges[1:], strict=True):
        if end <= begin:
            continue
        rows = chroma[int(begin / CHROMA_S) : max(int(end / CHROMA_S), int(begin / CHROMA_S) + 1)].sum(axis=0)
        best = int(np.argmax(shapes @ (rows - rows.mean())))
        if found and (found[-1].root, found[-1].quality) == (best % 12, best // 12):
            found[-1] = found[-1]._replace(end=end)
        else:
            found.append(ChordSpan(begin, end, best % 12, best // 12))
    return found


def _energy(wave: NDArray[np.float32], rate: int, bars: Floats) -> Floats:
    """Loudness of each bar beside the loudest one, 0..1: 30 dB below it is 0."""
    edges = np.append(np.round(bars * rate).astype(int), len(wave))
    power = np.array([float(np.mean(wave[begin:end].astype(np.float64) ** 2)) if end > begin else 0.0
                      for begin, end in zip(edges[:-1], edges[1:], strict=True)])  # fmt: skip
    level = 10 * np.log10(np.maximum(power, 1e-12))
    return np.clip(1 + (level - level.max(initial=-120)) / 30, 0, 1)


def _sections(bars: Floats, energy: Floats, seconds: float) -> list[SectionSpan]:
    """Groups of four bars, called calm or full by the middle of the song's energy."""
    middle = float(np.median(energy)) if len(energy) else 0.0
    found: list[SectionSpan] = []
    for first in range(0, len(bars), GROUP_BARS):
        name = "full" if float(energy[first : first + GROUP_BARS].mean()) >= middle else "calm"
        end = float(bars[first + GROUP_BARS]) if first + GROUP_BARS < len(bars) else seconds
        if found and found[-1].name == name:
            found[-1] = found[-1]._replace(end=end)
        else:
            found.append(SectionSpan(float(bars[first]), end, name))
    return found
