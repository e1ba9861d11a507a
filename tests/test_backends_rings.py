"""The ring between the player and a compiled callback."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.rings import Ring


@given(st.lists(st.integers(0, 6), max_size=40))
def test_records_come_out_in_order_and_none_is_lost_or_torn(bursts: list[int]) -> None:
    """A ring of four records inside a larger array: what does not fit is refused, never half written."""
    memory = memoryview(bytearray(8 * 32)).cast("q")
    ring = Ring(memory, written=0, read=1, first=8, capacity=4, width=3)
    sent, got, number = [], [], 0
    for burst in bursts:
        for _ in range(burst):
            number += 1
            fits = len(ring) < 4
            assert ring.push(number, -number, number * 10) is fits
            if fits:
                sent.append([number, -number, number * 10])
        got += list(ring.pop_all())
        assert len(ring) == 0
    assert got == sent
    assert list(memory[2:8]) == [0] * 6 and list(memory[20:]) == [0] * 12, "nothing outside its own memory"
