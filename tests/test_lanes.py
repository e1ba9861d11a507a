"""Many pieces at once: worker processes and torch lanes beside a single stream, best of n, `bench batch`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from aigc_music.cli import bench, bench_batch
from aigc_music.core.errors import ModelError, UsageError
from aigc_music.core.parts import DRUMS
from aigc_music.core.theory import Key
from aigc_music.core.time import Metre
from models.music import kernels, memory
from models.music.batch import Piece, Workers, write_on, write_piece
from models.music.bench import everything
from models.music.decode_cpu import OPEN, Conditions, Limits, MusicModel, Note, Rest, Stream
from tests.tiny_model import tiny_model, write_tiny

Told = tuple[Conditions, Limits]


def band() -> Told:
    return everything()


def form() -> Told:
    """Bars that come back, an end, a waltz, no chords."""
    conditions, limits = Conditions(), Limits()
    conditions.set_metre(Metre(3, 4), 480)
    conditions.set_key(Key.parse("A minor"))
    conditions.set_end(60 * 1440)
    conditions.set_form([0, 4 * 1440, 9 * 1440], [0, 2, 4], [np.nan, 0.9, 0.2])
    conditions.temperature = 1.3
    limits.allow([0, 1, 4])
    return conditions, limits


def narrow() -> Told:
    """One voice whose chord tones its scale often lacks: rests, and searches for an onset."""
    conditions, limits = Conditions(), Limits()
    conditions.set_metre(Metre(4, 4))
    bars = range(64)
    conditions.set_chords([bar * 1920 for bar in bars], [0, 1, 6, 0] * 16, [0] * 64)
    limits.allow([3])
    limits.set_scale(3, 0b000010010001)  # C E G
    limits.set_chord_tones(3, True)
    limits.set_range(3, 36, 48)
    limits.set_longest(3, 500)
    return conditions, limits


def drums() -> Told:
    conditions, limits = Conditions(), Limits()
    conditions.set_metre(Metre(4, 4))
    limits.allow([DRUMS])
    limits.set_drum_map([36, 38, 42])
    limits.set_polyphony(DRUMS, 2)
    return conditions, limits


SCENES = [band, form, narrow, drums]


def decisions(stream: Stream, told: Told, epoch: int, earliest: int) -> Iterator[tuple[int, ...]]:
    """What a stream decides, note by note, fed to itself: (1, note ...) or (0, until)."""
    index = 0
    while True:
        decided = stream.sample(*told, earliest, epoch, index)
        if isinstance(decided, Rest):
            earliest = max(earliest + 1, decided.until_tick)
            yield (0, decided.until_tick)
        else:
            stream.feed(*decided)
            earliest = decided.tick
            yield (1, *decided)
        index += 1


def notes_of(model: MusicModel, told: Told, seed: int, count: int) -> list[tuple[int, ...]]:
    found = []
    for row in decisions(model.stream(seed), told, 0, 0):
        if row[0]:
            found.append(row[1:])
            if len(found) == count:
                break
    return found


# -- worker processes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", SCENES)
def test_a_piece_in_one_call_is_what_a_stream_decides_note_by_note(scene: Any) -> None:
    model = tiny_model()
    written = write_piece(model, Piece(11, *scene(), notes=150))
    assert [tuple(row) for row in written.notes.tolist()] == notes_of(model, scene(), 11, 150)


def test_a_stream_goes_on_after_a_piece_as_if_it_had_been_asked_note_by_note() -> None:
    fast, slow = tiny_model().stream(3), tiny_model().stream(3)
    told = band()
    write_on(fast, *told, 40, None)
    steps = decisions(slow, told, 0, 0)
    for _ in range(40):
        assert next(steps)[0]
    assert (fast._cells == slow._cells).all()
    assert fast.sample(*told, fast.tick, 1, 0) == slow.sample(*told, slow.tick, 1, 0)


def test_guidance_is_written_note_by_note() -> None:
    told = band()
    told[0].strength = 2.0
    written = write_piece(tiny_model(), Piece(4, *told, notes=20))
    assert [tuple(row) for row in written.notes.tolist()] == notes_of(tiny_model(), told, 4, 20)


@pytest.mark.parametrize("kind", ["transformer", "cnn"])
def test_other_trunks_are_written_note_by_note(kind: str) -> None:
    model = tiny_model(kind)
    written = write_piece(model, Piece(4, *band(), notes=20))
    assert [tuple(row) for row in written.notes.tolist()] == notes_of(model, band(), 4, 20)


def test_a_piece_ends_before_its_tick_and_silence_ends_it_too() -> None:
    conditions, limits = band()
    full = write_piece(tiny_model(), Piece(2, conditions, limits, notes=100)).notes
    until = int(full[60, 0])
    part = write_piece(tiny_model(), Piece(2, conditions, limits, until=until)).notes
    assert 0 < len(part) <= 60
    assert (part == full[: len(part)]).all()
    assert full[len(part), 0] >= until
    limits.allow([])
    assert len(write_piece(tiny_model(), Piece(2, conditions, limits, notes=5)).notes) == 0
    with pytest.raises(UsageError, match="give one of them"):
        write_piece(tiny_model(), Piece(2, conditions, limits))


def test_the_number_of_workers_changes_nothing_and_order_is_kept(tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "tiny")
    told = band()
    pieces = [Piece(seed, *told, notes=length) for seed, length in ((1, 90), (2, 5), (3, 30), (4, 1))]
    with Workers(folder, 2) as workers:
        two = list(workers.write(pieces))
        assert list(workers.map(abs, [-3, 2])) == [3, 2]
        with pytest.raises(UsageError, match="a piece ends"):
            list(workers.write([Piece(1, *told)]))
    with Workers(folder, 1) as workers:
        one = list(workers.write(pieces))
    assert [len(written.notes) for written in two] == [90, 5, 30, 1]
    assert all((a.notes == b.notes).all() for a, b in zip(one, two, strict=True))
    assert all(written.cpu_ms >= 0 and written.wall_ms > 0 for written in two)


def test_what_is_wrong_is_said_before_a_worker_starts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 workers"):
        Workers(workers=0)
    folder = write_tiny(tmp_path / "tiny")
    (folder / "weights.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="sha256"), Workers(folder):
        pass


# -- lanes in torch ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torch() -> Any:
    module = pytest.importorskip("torch", reason="lanes need torch (pip install 'aigc-music[train]')")
    module.set_num_threads(1)
    return module


def differences(model: MusicModel, told: Told, seed: int, steps: int) -> tuple[int, int]:
    """Steps in which a lane and a stream decide otherwise, and rests among all. After such a step the lane goes on
    from where the stream stands, so that each counts once."""
    from models.music.decode_gpu import Lanes

    stream, lanes = model.stream(seed), Lanes(model, 1, seed=seed, guided=told[0].strength != 1.0)
    lanes.tell(*told)
    expected = decisions(stream, told, 0, 0)
    different = rests = 0
    for step in range(1, steps + 1):
        wanted = next(expected)
        row = tuple(lanes.step()[0].tolist())
        rests += wanted[0] == 0
        if row[: len(wanted)] != wanted:
            different += 1
            earliest = wanted[1]
            lanes.begin(seed, epoch=step, after=stream)
            lanes._state.earliest.fill_(earliest)
            expected = decisions(stream, told, step, earliest)
    return different, rests


@pytest.mark.parametrize("scene", SCENES)
def test_a_lane_draws_what_a_stream_draws(torch: Any, scene: Any) -> None:
    """Step by step in fp32. Rounding may turn a draw; on the machines it was tried on it turned none of these."""
    different, rests = differences(tiny_model(exact=True), scene(), 21, 120)
    assert different <= 1
    assert (rests > 0) == (scene is narrow)


def test_a_lane_of_int8_weights_draws_what_the_int8_stream_draws(torch: Any) -> None:
    assert differences(tiny_model(), band(), 5, 60)[0] <= 1


def test_a_guided_lane_draws_what_a_guided_stream_draws(torch: Any) -> None:
    told = band()
    told[0].strength = 2.5
    assert differences(tiny_model(exact=True), told, 8, 60)[0] <= 1


def test_lanes_go_on_from_a_stream_that_heard_a_musician(torch: Any) -> None:
    from models.music.decode_gpu import Lanes

    model, told = tiny_model(exact=True), band()
    stream = model.stream(9)
    for step in range(70):  # a phrase of seven notes again and again: the memory has found it
        stream.feed(step * 120, 0, 60 + step % 7, 80, OPEN if step > 66 else 110, human=True)
    lanes = Lanes(model, 3)
    lanes.tell(*told)
    lanes.begin(9, epoch=2, after=stream)
    expected = decisions(stream, told, 2, stream.tick)
    for _ in range(40):
        assert tuple(lanes.step()[0].tolist()) == next(expected)
    assert int(lanes._state.filled[0]) == int(stream._cells[kernels.TRACE + memory.COUNT]) > 100


def test_every_lane_is_the_stream_of_its_own_seed_and_of_what_it_is_told(torch: Any) -> None:
    from models.music.decode_gpu import Lanes

    model = tiny_model(exact=True)
    lanes = Lanes(model, 3, seed=30)
    lanes.tell(*band())
    lanes.tell(*drums(), lane=2)
    takes = lanes.play(notes=40)
    assert [take.seed for take in takes] == [30, 31, 32]
    for take, told in zip(takes, (band(), band(), drums()), strict=True):
        assert [tuple(note) for note in take.notes] == notes_of(model, told, take.seed, 40)


def test_a_take_ends_where_it_is_asked_to_and_its_score_is_of_its_notes_alone(torch: Any) -> None:
    from models.music.decode_gpu import Lanes

    lanes = Lanes(tiny_model(exact=True), 2, seed=1)
    lanes.tell(*band())
    first = lanes.play(notes=30)
    lanes.begin(1)
    again = lanes.play(notes=10), lanes.play(notes=20)
    for lane in range(2):
        assert [*again[0][lane].notes, *again[1][lane].notes] == first[lane].notes
        means = (again[0][lane].mean_log_probability + 2 * again[1][lane].mean_log_probability) / 3
        assert means == pytest.approx(first[lane].mean_log_probability, rel=1e-4)
        assert -30 < means < 0
    lanes.begin(1)
    until = first[0].notes[20].tick
    for take, full in zip(lanes.play(until=until), first, strict=True):
        before = [note for note in full.notes if note.tick < until]  # the other lane may not have come so far
        assert take.notes[: len(before)] == before and all(note.tick < until for note in take.notes)
    with pytest.raises(UsageError, match="give one of them"):
        lanes.play()


def test_lanes_without_a_part_to_play_fall_silent(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.music import decode_gpu
    from models.music.decode_gpu import Lanes

    monkeypatch.setattr(decode_gpu, "_PATIENCE", 5)
    lanes = Lanes(tiny_model(exact=True), 2)
    limits = Limits()
    limits.allow([])
    lanes.tell(Conditions(), limits)
    assert [take.notes for take in lanes.play(notes=3)] == [[], []]


def test_bf16_lanes_keep_the_limits(torch: Any) -> None:
    from models.music.decode_gpu import Lanes

    lanes = Lanes(tiny_model(exact=True), 4, dtype=torch.bfloat16, seed=6)
    assert lanes.precision == "bf16"
    lanes.tell(*drums())
    for take in lanes.play(notes=25):
        assert len(take.notes) == 25
        assert {note.pitch for note in take.notes} <= {36, 38, 42}
        assert all(note.part == DRUMS and 1 <= note.velocity <= 127 for note in take.notes)


def test_a_step_reads_nothing_back_and_brings_nothing_along(torch: Any) -> None:
    """On the device `meta` tensors are shapes only: a host read, a shape that depends on data, or a tensor of the CPU
    in the middle of a step is an error, as it would be in the capture of a CUDA graph."""
    from models.music.decode_gpu import Lanes

    def moved(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.to("meta")
        if isinstance(value, (list, tuple)):
            parts = [moved(item) for item in value]
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        return value

    lanes = Lanes(tiny_model(exact=True), 4, guided=True, dtype=torch.bfloat16)
    step, before = lanes._step, lanes._state
    for holder in (step, step.trunk):
        for name, value in vars(holder).items():
            setattr(holder, name, moved(value))
    with torch.no_grad():
        state, row = step(moved(before))
    assert (row.device.type, tuple(row.shape), row.dtype) == ("meta", (4, 6), torch.int64)
    for new, old in zip(state, before, strict=True):
        assert (new.device.type, new.shape, new.dtype) == ("meta", old.shape, old.dtype)
    step._deltas = torch.arange(len(step._deltas))
    with pytest.raises(RuntimeError, match="device"):
        step(moved(before))


def test_the_floor_is_the_weights_of_a_step_at_the_measured_speed(torch: Any) -> None:
    from models.music.decode_gpu import Lanes

    one, two = Lanes(tiny_model(exact=True), 1), Lanes(tiny_model(exact=True), 2)
    model = tiny_model(exact=True)
    rows = 2 * 4 * (len(model.heads.embedding) * 16 + sum(table.size for table in model.heads.table))
    assert one._step.weight_bytes < two._step.weight_bytes < 4 * model.parameters + rows
    floor = one.floor()
    assert floor.ms == pytest.approx(1000 * floor.bytes / floor.bytes_per_second)
    assert floor.bytes_per_second > 1e6


def test_errors_of_lanes_say_what_to_do(torch: Any) -> None:
    from models.music.decode_gpu import Lanes

    with pytest.raises(UsageError, match="0 lanes"):
        Lanes(tiny_model(), 0)
    with pytest.raises(UsageError, match="'banana'"):
        Lanes(tiny_model(), 1, "banana")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no CUDA device"):
            Lanes(tiny_model(), 1, "cuda")
    with pytest.raises(ModelError, match="'cnn'"):
        Lanes(tiny_model("cnn"), 1)
    conditions = Conditions()
    conditions.strength = 2.0
    with pytest.raises(UsageError, match="guided=True"):
        Lanes(tiny_model(), 1).tell(conditions, Limits())


def test_a_captured_step_draws_what_an_eager_one_draws(torch: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    from models.music.decode_gpu import Lanes

    eager, captured = (Lanes(tiny_model(exact=True), 4, "cuda", seed=3, dtype=torch.float32) for _ in range(2))
    for lanes in (eager, captured):
        lanes.tell(*band())
    for _ in range(50):
        eager._advance()
        assert (eager._row.cpu().numpy() == captured.step()).all()


# -- best of n ---------------------------------------------------------------------------------------------


def test_the_best_take_is_that_of_the_best_mean_place(torch: Any) -> None:
    from models.music.decode_gpu import Take, rank

    def take(lane: int, pitch: int, chance: float) -> Take:
        return Take(lane, lane, [Note(0, 0, pitch, 80, 240)], chance)

    takes = [take(0, 60, -9.0), take(1, 72, -3.0), take(2, 61, -6.0), Take(3, 3, [], 0.0)]
    assert [ranked.take.lane for ranked in rank(takes[:3])] == [1, 2, 0]

    def high(notes: list[Note]) -> float:
        return float(notes[0].pitch) if notes else -1.0

    def odd(notes: list[Note]) -> float:
        return float(notes[0].pitch % 2) if notes else -1.0

    best, *_, last = rank(takes, [high, odd])
    assert best.faults == (float(best.take.notes[0].pitch), 0.0)
    assert last.take.lane == 3
    assert rank([]) == []


# -- bench batch -------------------------------------------------------------------------------------------


def test_bench_batch_prints_one_object_a_contender_ours_first(tmp_path: Path, torch: Any) -> None:
    folder = write_tiny(tmp_path / "tiny")
    arguments = f"batch --model {folder} --notes 500 --workers 1 --lanes 4 --json".split()
    result = CliRunner().invoke(bench.command, arguments)
    assert result.exit_code == 0, result.output
    said = json.loads(result.output.splitlines()[-1])
    assert list(said)[:3] == ["aigc-music", "torch, 4 lanes", bench_batch.ONE_LANE]
    assert "load" in said
    for name in list(said)[:3]:
        assert {"p50", "p99", "min", "cpu", "notes_per_s", "count", "detail"} <= set(said[name])
    assert said["aigc-music"]["bars"] == []  # judged with two workers
    assert said["torch, 4 lanes"]["step_ms"] > said["torch, 4 lanes"]["floor_ms"] > 0


def test_the_bar_of_a_batch_is_notes_a_second_with_two_workers() -> None:
    row = {"p50": 0.3, "p99": 0.4, "min": 0.2, "cpu": 0.3, "notes_per_s": 6000.0, "workers": 2}
    rows = {"aigc-music": row}
    bench.judge("batch", rows, load=0.0, cores=2)
    assert rows["aigc-music"]["bars"] == [
        {"bar": "notes_per_s >= 5000", "measured": 6000.0, "reached": True, "remark": ""}
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [({"notes": 10}, "10 notes"), ({"workers": 0}, "0 workers"), ({"lanes": 0}, "0 lanes")],
)
def test_senseless_numbers_are_refused(options: dict[str, int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        bench_batch.measure(**options)
