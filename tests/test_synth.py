"""The synth's laws: what it plays, how loud, without clicks, and the same however time is cut into blocks."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.core.errors import UsageError
from aigc_music.core.parts import DRUM_PITCHES, PARTS
from bridge.synth import kernel, voices
from bridge.synth import layout as at
from bridge.synth.engine import LATENCY_FRAMES, Synth
from bridge.synth.offline import render_events

RATE = 48_000
CEILING = 10 ** (-0.3 / 20)
Frames = npt.NDArray[np.float32]

# channel and program of every sound that is not a drum
SOUNDS = {
    "piano": (0, 0),
    "electric_piano": (0, 4),
    "pluck": (0, 24),
    "bars": (0, 11),
    "bass": (3, None),
    "lead": (0, 80),
    "strings": (4, None),
    "pad": (5, None),
    "organ": (0, 16),
    "brass": (0, 56),
}


def note(name: str, key: int, velocity: int, at_s: float = 0.05, length_s: float = 0.5) -> list[tuple[float, bytes]]:
    channel, program = SOUNDS[name]
    events = [] if program is None else [(0.0, bytes((0xC0 | channel, program)))]
    return [
        *events,
        (at_s, bytes((0x90 | channel, key, velocity))),
        (at_s + length_s, bytes((0x80 | channel, key, 0))),
    ]


def decibels(value: float) -> float:
    return float(20 * np.log10(max(value, 1e-12)))


def loudness(frames: Frames) -> float:
    return decibels(float(np.sqrt(np.mean(frames.astype(np.float64) ** 2))))


def centroid(frames: Frames) -> float:
    mono = frames.mean(1) * np.hanning(len(frames))
    power = np.abs(np.fft.rfft(mono)) ** 2
    return float((power * np.fft.rfftfreq(len(frames), 1 / RATE)).sum() / power.sum())


# ---- sound ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOUNDS)
def test_every_sound_speaks_over_its_range_and_ends(name: str) -> None:
    for key in (28, 40, 52) if name == "bass" else (36, 60, 84, 96):
        sound = render_events(note(name, key, 100), 0.6)
        assert -36 < loudness(sound[2400:26400]) < -14, key
        assert float(np.abs(sound[:2400]).max()) < 1e-6, "silent before its note"
        assert float(np.abs(sound[-480:]).max()) < 10 ** (-80 / 20), "silent within the tail"
        assert len(sound) < (0.6 + 3.2) * RATE
        assert abs(float(sound.mean())) < 1e-4, "no DC"


@pytest.mark.parametrize("name", SOUNDS)
def test_a_harder_touch_is_louder_and_brighter(name: str) -> None:
    soft, hard = (render_events(note(name, 52, velocity), 0.5)[2400:26400] for velocity in (30, 120))
    assert loudness(hard) > loudness(soft) + 3
    assert centroid(hard) > centroid(soft) * (0.98 if name in ("organ", "bars") else 1.01)


@pytest.mark.parametrize("key", DRUM_PITCHES)
def test_every_drum_of_the_map_sounds_and_ends_by_itself(key: int) -> None:
    sound = render_events([(0.05, bytes((0x99, key, 100)))], 0.3)
    peak = decibels(float(np.abs(sound).max()))
    assert -30 < peak < -3, peak
    assert float(np.abs(sound[-480:]).max()) < 10 ** (-60 / 20)


def test_keys_outside_the_drum_map_are_silent() -> None:
    assert float(np.abs(render_events([(0.0, bytes((0x99, 5, 120)))], 0.2)).max()) < 1e-6


def test_pitch_is_right_over_the_range() -> None:
    for name, key in itertools.product(("piano", "pluck", "lead", "organ", "bass"), (40, 57, 69, 81)):
        sound = render_events(note(name, key, 90, 0.0, 1.2), 1.2)[9600:57600].mean(1)
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 18))
        expected = 440 * 2 ** ((key - 69) / 12)
        frequency = np.fft.rfftfreq(1 << 18, 1 / RATE)
        near = (frequency > expected * 0.94) & (frequency < expected * 1.06)
        found = frequency[near][np.argmax(spectrum[near])]
        assert abs(1200 * np.log2(found / expected)) < 10, (name, key, found)


def test_high_notes_do_not_alias() -> None:
    for name, key in itertools.product(("lead", "strings", "pad", "brass"), (84, 93, 96)):
        sound = render_events(note(name, key, 120, 0.0, 1.2), 1.2)[9600:57600].mean(1)
        level = 20 * np.log10(np.abs(np.fft.rfft(sound * np.blackman(len(sound)))) + 1e-12)
        frequency = np.fft.rfftfreq(len(sound), 1 / RATE)
        pitch = 440 * 2 ** ((key - 69) / 12)
        away = np.abs(frequency - np.round(frequency / pitch) * pitch)
        # vibrato, detuning and chorus spread each harmonic by some cents
        stray = (away > 40 + frequency * 0.022) & (frequency > 40)
        assert level[stray].max() < level.max() - 60, (name, key)


def test_a_band_sits_at_a_sensible_level() -> None:
    """Melody, keys, bass and drums together: -19..-13 dBFS, the limiter at rest most of the time."""
    events: list[tuple[float, bytes]] = []

    def play(channel: int, key: int, velocity: int, start: float, length: float) -> None:
        events.append((start, bytes((0x90 | channel, key, velocity))))
        events.append((start + length, bytes((0x80 | channel, key, 0))))

    for beat in range(8):
        start = beat * 0.5
        play(3, (36, 43)[beat % 2], 92, start, 0.45)
        play(1, (72, 76, 79, 77)[beat % 4], 90, start, 0.4)
        play(9, (36, 38)[beat % 2], 102, start, 0.1)
        play(9, 42, 80, start, 0.1)
        play(9, 42, 64, start + 0.25, 0.1)
        if beat % 2 == 0:
            for key in (60, 64, 67, 71):
                play(2, key, 80, start, 0.8)
    sound = render_events(events, 4.0)[: 4 * RATE]
    assert -19 < loudness(sound) < -13
    assert float((np.abs(sound) > 0.7).mean()) < 0.005
    alone = {
        part.name: loudness(render_events([e for e in events if e[1][0] & 15 == part.channel], 4.0)[: 4 * RATE])
        for part in PARTS
        if part.name in ("melody", "keys", "bass", "drums")
    }
    assert max(alone.values()) - min(alone.values()) < 7, alone


def test_parts_have_their_place() -> None:
    def side(channel: int, key: int) -> float:
        on = [(0.0, bytes((0x90 | channel, key, 90))), (0.5, bytes((0x80 | channel, key, 0)))]
        left, right = render_events(on, 0.5)[: RATE // 2].T
        return loudness(right) - loudness(left)

    assert abs(side(3, 40)) < 0.5, "bass in the middle"
    assert side(4, 60) > 2, "second voice to the right"
    assert side(5, 60) < -1, "pad to the left"
    assert side(9, 42) < -1 and side(9, 51) > 1, "hi-hat left, ride right"


# ---- controls ---------------------------------------------------------------------------------------


def test_level_expression_and_pan_act_without_steps() -> None:
    synth = Synth()
    synth.render(4800, [(0, bytes((0xC0, 16))), (10, bytes((0x90, 60, 100)))])
    before = synth.render(9600)[4800:]
    changed = synth.render(9600, [(0, bytes((0xB0, 7, 40)))])
    after = synth.render(9600)
    assert loudness(after) < loudness(before) - 12
    assert np.abs(np.diff(changed, axis=0)).max() <= np.abs(np.diff(before, axis=0)).max() * 1.2
    synth.render(9600, [(0, bytes((0xB0, 7, 100))), (0, bytes((0xB0, 10, 127)))])
    left, right = synth.render(9600).T
    assert loudness(right) > loudness(left) + 6
    synth.render(9600, [(0, bytes((0xB0, 10, 64))), (0, bytes((0xB0, 11, 30)))])
    assert loudness(synth.render(9600)) < loudness(before) - 15


def test_the_pedal_holds_until_it_is_let_go() -> None:
    synth = Synth()
    synth.render(4800, [(0, bytes((0xB0, 64, 127))), (5, bytes((0x90, 60, 100))), (2400, bytes((0x80, 60, 0)))])
    held = loudness(synth.render(24_000))
    released = synth.render(48_000, [(0, bytes((0xB0, 64, 0)))])
    assert held > -40
    assert loudness(released[36_000:]) < held - 30


@pytest.mark.parametrize("name", ["piano", "lead"])
def test_the_wheel_bends_two_semitones(name: str) -> None:
    channel, _ = SOUNDS[name]
    synth = Synth()
    synth.render(4800, [(0, bytes((0x90 | channel, 60, 100))), (100, bytes((0xE0 | channel, 127, 127)))])
    sound = synth.render(48_000).mean(1)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 18))
    frequency = np.fft.rfftfreq(1 << 18, 1 / RATE)
    near = (frequency > 240) & (frequency < 320)
    assert abs(frequency[near][np.argmax(spectrum[near])] - 261.63 * 2 ** (2 / 12)) < 2


@pytest.mark.parametrize("number", [120, 123])
def test_all_off_ends_everything(number: int) -> None:
    synth = Synth()
    on = [(0, bytes((0x90 | channel, key, 100))) for channel in (0, 1, 3, 5) for key in range(40, 60)]
    synth.render(9600, on)
    assert synth.sounding > 40
    synth.render(2 * RATE, [(0, bytes((0xB0 | channel, number, 0))) for channel in range(16)])
    assert synth.sounding == 0
    assert float(np.abs(synth.render(RATE)[-480:]).max()) < 1e-4


def test_sound_off_is_quick() -> None:
    synth = Synth()
    synth.render(24_000, [(0, bytes((0x90 | channel, 60, 110))) for channel in (0, 5)])
    synth.render(600, [(0, bytes((0xB0 | channel, 120, 0))) for channel in range(16)])
    synth.render(128)
    assert synth.sounding == 0


def test_a_closed_hat_chokes_the_open_one() -> None:
    alone = render_events([(0.0, bytes((0x99, 46, 110)))], 0.5)
    choked = render_events([(0.0, bytes((0x99, 46, 110))), (0.1, bytes((0x99, 44, 20)))], 0.5)
    assert loudness(choked[9600:14_400]) < loudness(alone[9600:14_400]) - 15


def test_programs_choose_families_and_drums_stay_drums() -> None:
    synth = Synth()
    ints = synth.state.ints
    synth.render(64, [(0, bytes((0xC2, 33))), (0, bytes((0xC2 + 1, 48))), (0, bytes((0xC9, 33)))])
    kinds = [int(ints[at.I_CHANNEL + channel * at.CH_STRIDE + at.CH_KIND]) for channel in (2, 3, 9)]
    assert kinds == [voices.kind_number(name) for name in ("bass", "strings", "drums")]


# ---- no clicks, no overload -------------------------------------------------------------------------


def largest_jump(frames: Frames) -> float:
    return float(np.abs(np.diff(frames, n=2, axis=0)).max())


@pytest.mark.parametrize("name", SOUNDS)
def test_starting_stopping_and_repeating_a_note_does_not_click(name: str) -> None:
    """Where a note ends or gives way to its repetition, the curve is no rougher than where it just sounds."""
    held = render_events(note(name, 48, 100, 0.0, 2.0), 2.0)[: 2 * RATE]
    channel, _ = SOUNDS[name]
    broken = note(name, 48, 100, 0.0, 0.5)
    cut = render_events(broken, 1.0)
    assert largest_jump(cut[23_900:26_000]) <= largest_jump(held[:24_000]) * 1.05 + 1e-4
    again = render_events([*broken[:-1], (0.5, bytes((0x90 | channel, 48, 1)))], 1.0)
    assert largest_jump(again[23_900:26_000]) <= largest_jump(held[:24_000]) * 1.05 + 1e-4


@pytest.mark.parametrize(("name", "limit"), [("organ", at.SUSTAINED_LIMIT), ("electric_piano", at.STRUCK_LIMIT)])
def test_stealing_voices_does_not_click(name: str, limit: int) -> None:
    channel, program = SOUNDS[name]
    synth = Synth()
    synth.render(64, [(0, bytes((0xC0 | channel, program or 0))), (0, bytes((0xB0 | channel, 7, 20)))])
    for key in range(limit):
        synth.render(64, [(0, bytes((0x90 | channel, 20 + key, 100)))])
    steady = largest_jump(synth.render(9600)[2400:])
    stolen = synth.stolen
    stealing = synth.render(4800, [(2000 + 200 * i, bytes((0x90 | channel, 12 + i, 1))) for i in range(8)])
    assert synth.stolen == stolen + 8
    assert largest_jump(stealing) <= steady * 1.3 + 1e-4
    assert synth.sounding <= limit + 8


def test_128_loudest_notes_at_once_stay_below_the_ceiling() -> None:
    synth = Synth()
    everything = [(0, bytes((0x90 | channel, key, 127))) for channel in (0, 1, 3, 9) for key in range(30, 94)]
    burst = np.concatenate([synth.render(128, everything[:128]), *(synth.render(480, everything) for _ in range(20))])
    assert float(np.abs(burst).max()) <= CEILING
    assert np.isfinite(burst).all()
    assert loudness(burst[-4800:]) > -12, "limited, not muted"
    # the limiter itself makes no steps: its gain moves over 64 frames
    assert largest_jump(burst) < 1.5


def test_notes_faster_than_any_hand_never_run_out_of_voices() -> None:
    synth = Synth()
    rng = np.random.default_rng(1)
    for _ in range(100):
        events = [
            (int(frame), bytes((int(kind) | int(channel), int(a), int(b))))
            for frame, kind, channel, a, b in zip(
                np.sort(rng.integers(0, 128, 60)),
                rng.choice([0x80, 0x90, 0x90, 0xB0, 0xE0], 60),
                rng.integers(0, 16, 60),
                rng.integers(0, 128, 60),
                rng.integers(0, 128, 60),
                strict=True,
            )
        ]
        block = synth.render(128, events)
        assert np.isfinite(block).all() and float(np.abs(block).max()) <= CEILING
    synth.render(RATE // 10, [(0, bytes((0xB0 | c, n, 0))) for c in range(16) for n in (64, 123, 120)])
    for _ in range(8):
        synth.render(RATE // 2)
    assert synth.sounding == 0
    assert float(np.abs(synth.render(480)).max()) < 1e-4


# ---- sameness ---------------------------------------------------------------------------------------

MUSIC = [
    (0, bytes((0x90, 60, 100))),
    (17, bytes((0x91, 64, 90))),
    (33, bytes((0x99, 46, 110))),
    (64, bytes((0x93, 40, 100))),
    (700, bytes((0x80, 60, 0))),
    (701, bytes((0xE1, 0, 100))),
    (1100, bytes((0x99, 42, 110))),
    (1500, bytes((0xB1, 7, 60))),
    (1999, bytes((0x81, 64, 0))),
    (2000, bytes((0x90, 60, 127))),
    (2500, bytes((0x95, 55, 80))),
]
LENGTH = 4000


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(1, LENGTH - 1), max_size=40, unique=True))
def test_how_time_is_cut_into_blocks_changes_nothing(cuts: list[int]) -> None:
    whole = Synth().render(LENGTH, MUSIC)
    synth = Synth()
    edges = [0, *sorted(cuts), LENGTH]
    pieces = []
    for start, end in itertools.pairwise(edges):
        pieces.append(synth.render(end - start, [(f - start, d) for f, d in MUSIC if start <= f < end]))
    assert np.array_equal(np.concatenate(pieces), whole)


def test_a_note_sounds_on_its_frame() -> None:
    """Moving a note by n frames moves its first sample by n frames, whatever the block."""
    for name in ("piano", "organ"):
        channel, program = SOUNDS[name]
        starts = []
        for frame in (100, 101, 131, 260):
            synth = Synth()
            synth.render(64, [(0, bytes((0xC0 | channel, program or 0)))])
            block = synth.render(1024, [(frame, bytes((0x90 | channel, 60, 127)))])
            starts.append(int(np.flatnonzero(np.abs(block[:, 0]) > 1e-7)[0]) - frame)
        assert set(starts) <= {LATENCY_FRAMES, LATENCY_FRAMES + 1}, starts


def test_offline_is_the_same_sound_as_block_by_block() -> None:
    offline = render_events([(frame / RATE, data) for frame, data in MUSIC], LENGTH / RATE)
    live = Synth().render(LENGTH + LATENCY_FRAMES, MUSIC)
    assert np.array_equal(offline[:LENGTH], live[LATENCY_FRAMES:])


@pytest.mark.parametrize("rate", [22_050, 44_100, 96_000])
def test_other_sample_rates_sound_alike(rate: int) -> None:
    events = note("piano", 60, 100)
    assert abs(loudness(render_events(events, 0.5, rate)) - loudness(render_events(events, 0.5))) < 1


def test_a_sample_rate_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError, match=r"8000 Hz.*22050 to 96000"):
        Synth(8000)


def test_silence_stays_silent_and_free_of_slow_numbers() -> None:
    synth = Synth()
    synth.render(4800, [(0, bytes((0x90, 60, 100))), (2400, bytes((0x80, 60, 0)))])
    for _ in range(40):
        synth.render(RATE)
    floats = synth.state.floats
    tiny = (np.abs(floats) > 0) & (np.abs(floats) < np.finfo(np.float32).tiny)
    assert not tiny.any()
    assert float(np.abs(synth.render(128)).max()) < 1e-9


def test_rendering_lets_other_python_threads_run() -> None:
    """The kernel is compiled nogil: the promise on which the audio callbacks stand."""
    assert kernel.render.targetoptions["nogil"] is True
