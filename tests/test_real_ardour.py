"""A foreign DAW records the co-player: every note is in its file, on its frame, also under a GIL hog.

The figures: pytest tests/test_real_ardour.py --log-cli-level=INFO
"""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from .jack_world import MidiDump, jack_server, need, need_jack
from .real.ardour import ardour
from .real.band import DENSE, Band, wait_until
from .real.events import compare, expected_notes, heard

pytestmark = pytest.mark.real
log = logging.getLogger(__name__)


@pytest.mark.parametrize("hog", [False, True], ids=["quiet", "hogged"])
def test_every_note_is_in_the_daw_on_its_frame(tmp_path: Path, hog: bool) -> None:
    need_jack()
    need("ardour7-lua")
    for attempt in range(5):  # a run in which the server lost periods is not believed
        with jack_server(period=1024) as server, ardour(server, "record", "ROLLING") as daw:
            journal = tmp_path / f"{attempt}.jsonl"
            with (
                Band(
                    journal,
                    hog=hog,
                    model_command=[*DENSE, "--step", "60", "--short", "--last", "5760"],
                    controls={"bpm": 125.0},
                    autostart=False,
                ) as band,
                MidiDump(server, "aigc-music:midi_out") as dump,
            ):
                server.connect("aigc-music:midi_out", "ardour:rec/midi_in 1")
                before = server.xruns()
                band.wish("start")
                wait_until(lambda: band.snapshot.get("tick", 0) > 6000, 20)
                report = band.close()
                daw.stop()
                lost = server.xruns() - before
                dumped = heard((message.frame, message.data) for message in dump.read())
            recorded = heard(daw.events())
        wanted = expected_notes(journal)
        by_dump, by_daw = compare(wanted, dumped), compare(wanted, recorded)
        if lost == 0 or (by_dump[2:], by_daw[2:]) == ((0, 0, 0), (0, 0, 0)):
            break
    log.info("Ardour %s, jack_midi_dump %s, %d lost periods", by_daw, by_dump, lost)
    assert report["hanging"] == 0 and report["dropped"] == 0
    assert len(wanted) == 2 * 4 * 97
    assert (by_dump.missing, by_dump.extra, by_dump.worst) == (0, 0, 0)
    assert (by_daw.missing, by_daw.extra, by_daw.worst) == (0, 0, 0)
