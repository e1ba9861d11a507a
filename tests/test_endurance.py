"""Long playing in accelerated time. A whole hour, ten real minutes: python -m tests.real.campaign --help"""

from __future__ import annotations

from pathlib import Path

import pytest

from .real.endurance import deep_size, play

MEGABYTE = 1 << 20
ZOO = Path(__file__).parents[1] / "models" / "zoo" / "default"


def test_long_playing_neither_drifts_nor_grows_nor_loses_a_note() -> None:
    hour = play(12, early=2)
    assert hour.missing == 0
    assert hour.notes == pytest.approx(8 * 720, abs=2)
    assert hour.drift_ns == 0
    assert hour.size_late - hour.size_early < MEGABYTE


def test_a_busy_musician_does_not_make_it_grow() -> None:
    hour = play(5, early=2, busy=True)
    assert hour.notes > 1000
    assert hour.size_late - hour.size_early < MEGABYTE


@pytest.mark.skipif(not (ZOO / "weights.safetensors").exists(), reason="no trained model in models/zoo/default")
def test_the_trained_model_plays_on_without_growing() -> None:
    from aigc_music.live.rehearsal import Rehearsal
    from models.music.decode_cpu import load_model

    stage = Rehearsal(load_model("default"), {"bpm": 120.0})
    sizes = []
    sent = 0
    for _ in range(5):
        stage.play(30)
        sent += sum(1 for m in stage.backend.sent if m.port == 0 and m.data[0] & 0xF0 == 0x90 and m.data[2])
        stage.backend.sent.clear()
        stage.log.clear()
        stage.told.clear()
        sizes.append(deep_size((stage.player, stage.planner), stage.backend.sent))
    assert sent == stage.player.figures.notes_sent > 250
    assert sizes[-1] - sizes[2] < MEGABYTE // 4  # its memory of rewinds is full after a minute and a half
    stage.player.stop()
    assert len(stage.player.ledger) == 0
