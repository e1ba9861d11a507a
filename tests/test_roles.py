"""Roles: when the band plays, as a function of what was heard."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aigc_music.core.styles import STYLES
from aigc_music.core.time import Metre
from aigc_music.generators.music.roles import ALWAYS, MELODY, NEVER, Listener, parts_of, window_of

BAR = Metre().bar_ticks


def phrase(listener: Listener, start: int, notes: int) -> None:
    for index in range(notes):
        listener.hear(start + index * 240, 60 + index, 80)
        listener.hear(start + index * 240 + 200, 60 + index, 0)


def test_accompany_leaves_the_melody_to_the_musician() -> None:
    for style in STYLES:
        assert MELODY not in parts_of("accompany", style)
        assert parts_of("solo", style) >= parts_of("accompany", style)


def test_solo_and_accompany_always_play() -> None:
    assert window_of("solo", Listener(Metre())) == ALWAYS
    assert window_of("accompany", Listener(Metre())) == ALWAYS


def test_answer_waits_for_a_phrase_then_is_as_long_and_begins_on_a_bar() -> None:
    listener = Listener(Metre())
    assert window_of("answer", listener) == NEVER
    phrase(listener, 0, 14)  # to tick 3320: two bars
    window = window_of("answer", listener)
    assert window.start == 2 * BAR
    assert window.end - window.start == 2 * BAR


def test_no_answer_while_a_key_is_down() -> None:
    listener = Listener(Metre())
    phrase(listener, 0, 4)
    listener.hear(1000, 72, 90)
    assert window_of("answer", listener) == NEVER
    listener.hear(1300, 72, 0)
    assert window_of("answer", listener) != NEVER


def test_taking_the_word_back_begins_a_new_phrase() -> None:
    listener = Listener(Metre())
    phrase(listener, 0, 8)
    answer = window_of("answer", listener)
    phrase(listener, answer.start + 300, 3)
    assert listener.phrase_start == answer.start + 300
    assert window_of("answer", listener).start > answer.start


@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(40, 90), st.booleans()), max_size=60))
def test_the_answer_never_begins_before_a_beat_of_silence(events: list[tuple[int, int, bool]]) -> None:
    listener = Listener(Metre())
    tick = 0
    for wait, pitch, on in events:
        tick += wait
        listener.hear(tick, pitch, 80 if on else 0)
    window = window_of("answer", listener)
    if window != NEVER:
        assert window.start >= listener.last_event + Metre().beat_ticks
        assert window.start % BAR == 0
        assert BAR <= window.end - window.start <= 4 * BAR
