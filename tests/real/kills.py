"""The kill campaign: something dies under fast playing, at a random moment; is anything left sounding?

Each kind of death is a function (rig, rng) -> Death. The band plays some 250 overlapping notes a second, and a
foreign keyboard holds notes that go through. A face, a signal: silence within 100 ms. A model: the music goes on
within 500 ms (750 when it hangs) and the model comes back. A port or a server: when it returns, what sounded
there is ended.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from typing import NamedTuple

import mido

from aigc_music.live.takes import Takes

from .band import alive, wait_until
from .rig import RATE, Rig

__all__ = ["KINDS", "SILENCE_MS", "Death", "run"]

SILENCE_MS = 100.0
MUSIC_MS = {"model": 500.0, "hung model": 750.0}  # a hung one must first be told from a slow one
EXIT_S = 1.0


class Death(NamedTuple):
    """What came of it. sounding: notes on at the moment of death; ms: see the kind; problem: '' for none."""

    kind: str
    sounding: int
    ms: float
    problem: str


def _hold(rig: Rig, rng: random.Random) -> None:
    """The keyboard holds three notes."""
    for pitch in rng.sample(range(40, 90), 3):
        rig.keyboard.send(0x90, pitch, 90)


def _let_go(rig: Rig) -> None:
    """A player whose keyboard holds notes can let them sound: they are let go before a silence is asked for."""
    if rig.keyboard.process is not None:
        for pitch in range(40, 90):
            rig.keyboard.send(0x80, pitch, 0)
        time.sleep(0.05)


def _ended(rig: Rig, kind: str, kill: Callable[[], None]) -> Death:
    """The player is to end by `kill`: silence within 100 ms, no process left after a second."""
    band, receiver = rig.band, rig.receiver
    assert band is not None
    receiver.read()
    sounding, last = len(receiver.held), receiver.messages[-1].frame
    kill()
    gone = wait_until(lambda: not alive(band.player), EXIT_S, 0.005)
    time.sleep(0.15)
    receiver.read()
    left = len(receiver.held)
    ms = (receiver.silent_since - last) * 1000 / RATE
    problem = ""
    if left:
        problem = f"{left} notes hang: {sorted(receiver.held)[:8]}"
        receiver.held.clear()
    elif ms > SILENCE_MS:
        problem = f"silent only after {ms:.0f} ms"
    if not gone:
        problem += f" player {band.player} still runs after {EXIT_S:g} s"
    return Death(kind, sounding, round(ms, 1), problem.strip())


def _face(rig: Rig, rng: random.Random) -> Death:
    band = rig.band
    assert band is not None
    heard_before = len(rig.receiver.messages)
    death = _ended(rig, "face", band.face.kill)
    return death._replace(problem=(death.problem + _take_is_safe(rig, heard_before)).strip())


def _take_is_safe(rig: Rig, heard_before: int) -> str:
    """The journal of a player whose face was killed becomes a MIDI file with every note that was heard last.

    Notes that began within two periods of the end were cut at once; the take may leave them out.
    """
    band = rig.band
    assert band is not None
    band.face.wait()
    files = Takes(rig.folder / "takes", rig.journal.parent).recover()
    mine = [path for path in files if rig.journal.stem in path.stem]
    if not mine:
        return " the take was not recovered"
    in_file: dict[tuple[int, int], int] = {}
    for track in mido.MidiFile(mine[0]).tracks:
        for message in track:
            if message.type == "note_on" and message.velocity:
                key = (message.channel, message.note)
                in_file[key] = in_file.get(key, 0) + 1
    heard: dict[tuple[int, int], int] = {}
    ons = [m for m in rig.receiver.messages[heard_before:] if m.data[0] & 0xF0 == 0x90 and m.data[2]]
    for message in ons:
        if message.data[0] & 15 and message.frame < rig.receiver.silent_since - 2 * rig.server.period:
            key = (message.data[0] & 15, message.data[1])
            heard[key] = heard.get(key, 0) + 1
    lost = sum(max(0, count - in_file.get(key, 0)) for key, count in heard.items())
    return f" {lost} of {sum(heard.values())} heard notes are not in the recovered take" if lost else ""


def _signal(number: signal.Signals) -> Callable[[Rig, random.Random], Death]:
    def kind(rig: Rig, rng: random.Random) -> Death:
        assert rig.band is not None
        player = rig.band.player
        return _ended(rig, number.name, lambda: os.kill(player, number))

    return kind


def _model(rig: Rig, rng: random.Random) -> Death:
    return _without_model(rig, "model", signal.SIGKILL)


def _hung(rig: Rig, rng: random.Random) -> Death:
    return _without_model(rig, "hung model", signal.SIGSTOP)


def _without_model(rig: Rig, kind: str, number: signal.Signals) -> Death:
    """ms: the longest wait for a note-on after the signal."""
    band, receiver = rig.band, rig.receiver
    assert band is not None
    receiver.read()
    sounding, last, seen = len(receiver.held), receiver.messages[-1].frame, len(receiver.messages)
    os.kill(band.model, number)
    back = wait_until(lambda: band.snapshot.get("model") == "fallback", 1.5) and wait_until(
        lambda: band.snapshot.get("model") == "ready", 6.0
    )
    time.sleep(0.5)
    receiver.read()
    ons = [last] + [m.frame for m in receiver.messages[seen:] if m.data[0] & 0xF0 == 0x90 and m.data[0] & 15]
    gap = max((b - a for a, b in zip(ons, ons[1:], strict=False)), default=RATE * 10) * 1000 / RATE
    problem = "" if gap <= MUSIC_MS[kind] else f"no music for {gap:.0f} ms"
    if not back:
        problem += f" the model did not come back: {band.snapshot.get('model')}"
    return Death(kind, sounding, round(gap, 1), (problem + _stops(rig)).strip())


def _stops(rig: Rig) -> str:
    """Nothing is left after a proper stop."""
    _let_go(rig)
    rig.receiver.read()
    if rig.stop_is_silent() is None:
        left = sorted(rig.receiver.held)
        rig.receiver.held.clear()
        return f" after a stop {len(left)} notes hang: {left[:8]}"
    return ""


def _returned(rig: Rig, kind: str, lose: Callable[[], None], back: Callable[[], None], away_s: float) -> Death:
    """A port goes and comes back. ms: from the first message after it until all that sounded before is ended."""
    band, receiver = rig.band, rig.receiver
    assert band is not None
    lose()
    receiver.read()
    stale, seen = set(receiver.held), len(receiver.messages)
    if kind == "cable":  # the keyboard still holds its keys: they may sound on
        stale = {note for note in stale if note[0]}
    time.sleep(away_s)
    back()
    sounding = len(stale)
    first = ended = -1

    def settled() -> bool:
        nonlocal first, ended, seen
        receiver.read()
        for message in receiver.messages[seen:]:
            kind, channel = message.data[0] & 0xF0, message.data[0] & 15
            first = message.frame if first < 0 else first
            if kind in (0x80, 0x90):
                stale.discard((channel, message.data[1]))
            elif kind == 0xB0 and message.data[1] in (120, 123):
                stale.difference_update({note for note in stale if note[0] == channel})
            if not stale and ended < 0:
                ended = message.frame
        seen = len(receiver.messages)
        return not stale and first >= 0

    wait_until(settled, 4.0, 0.01)
    ms = (ended - first) * 1000 / RATE
    problem = ""
    if stale:
        ms, problem = -1.0, f"{len(stale)} notes of before still sound: {sorted(stale)[:8]}"
    elif ms > SILENCE_MS:
        problem = f"what sounded before ended only {ms:.0f} ms after the return"
    return Death(kind, sounding, round(ms, 1), (problem + _stops(rig)).strip())


def _receiver(rig: Rig, rng: random.Random) -> Death:
    return _returned(rig, "receiver", rig.receiver.kill, rig.receiver.start, rng.uniform(0.0, 0.8))


def _cable(rig: Rig, rng: random.Random) -> Death:
    def plug(program: str) -> None:
        ports = ("aigc-music:midi_out", rig.receiver.port)
        subprocess.run([program, "-s", rig.server.name, *ports], check=True, capture_output=True, timeout=10)

    def pull() -> None:
        plug("jack_disconnect")
        time.sleep(0.05)

    return _returned(rig, "cable", pull, lambda: plug("jack_connect"), rng.choice((0.0, 0.1, 0.5, 1.0)))


def _server(rig: Rig, rng: random.Random) -> Death:
    def lose() -> None:
        rig.server.kill()
        rig.receiver.kill()
        rig.keyboard.kill()

    def back() -> None:
        rig.server.start()
        rig.receiver.start()
        rig.keyboard.start()

    return _returned(rig, "server", lose, back, rng.uniform(0.0, 1.0))


def _keyboard(rig: Rig, rng: random.Random) -> Death:
    """The keyboard dies with keys down. ms: until its notes are off."""
    receiver = rig.receiver
    receiver.read()
    mine = {note for note in receiver.held if note[0] == 0}
    last = receiver.messages[-1].frame
    rig.keyboard.kill()
    wait_until(lambda: (receiver.read(), not any(n[0] == 0 for n in receiver.held))[1], 2.0, 0.005)
    offs = [m.frame for m in receiver.messages if m.data[0] & 15 == 0 and m.frame >= last]
    ms = (offs[-1] - last) * 1000 / RATE if offs else -1.0
    left = [note for note in receiver.held if note[0] == 0]
    problem = f"{len(left)} thru notes hang" if left else "" if ms <= SILENCE_MS else f"ended only after {ms:.0f} ms"
    rig.keyboard.start()
    time.sleep(0.5)
    return Death("keyboard", len(mine), round(ms, 1), (problem + _stops(rig)).strip())


KINDS: dict[str, Callable[[Rig, random.Random], Death]] = {
    "face": _face,
    "SIGINT": _signal(signal.SIGINT),
    "SIGTERM": _signal(signal.SIGTERM),
    "SIGHUP": _signal(signal.SIGHUP),
    "model": _model,
    "hung model": _hung,
    "receiver": _receiver,
    "cable": _cable,
    "server": _server,
    "keyboard": _keyboard,
}


def run(rig: Rig, kind: str, rng: random.Random) -> Death:
    """One death of `kind`, a random time after the band has begun to play."""
    rig.ready()
    _hold(rig, rng)
    time.sleep(rng.uniform(0.05, 0.6))
    return KINDS[kind](rig, rng)
