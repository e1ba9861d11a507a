"""Rings: how a Python thread and a compiled callback hand each other fixed-size records without a lock.

One producer, one consumer, records of `width` int64 words inside a larger int64 array that both sides share.
Two counters, only ever growing, say how many records were written and read; the producer moves the first after
the record is complete, the consumer the second after it has taken it. No partial write, no waiting.

Threading model: one thread (or callback) per side. Realtime-safe: the compiled side is; it indexes the array itself.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["Ring"]


class Ring:
    """The Python side of a ring: a view of `words`, the int64 memory that both sides share.

    written, read: index of the two counters. first: index of the first record. capacity: records, a power of
    two. width: words per record.
    """

    def __init__(self, words: memoryview, written: int, read: int, first: int, capacity: int, width: int) -> None:
        self._words = words
        self._written, self._read, self._first = written, read, first
        self._mask, self._width = capacity - 1, width

    def push(self, *record: int) -> bool:
        """Write one record of `width` words; False, and nothing is written, when the ring is full.

        Threads: the producer. Realtime-safe: as far as Python is.
        """
        words, count = self._words, self._words[self._written]
        if count - words[self._read] > self._mask:
            return False
        at = self._first + (count & self._mask) * self._width
        for word in record:
            words[at] = word
            at += 1
        words[self._written] = count + 1
        return True

    def pop_all(self) -> Iterator[list[int]]:
        """Take the records that are there now, oldest first.

        Threads: the consumer. Realtime-safe: as far as Python is.
        """
        words, count = self._words, self._words[self._read]
        for index in range(count, words[self._written]):
            at = self._first + (index & self._mask) * self._width
            record = words[at : at + self._width].tolist()
            words[self._read] = index + 1
            yield record

    def __len__(self) -> int:
        """Records written and not yet read."""
        return self._words[self._written] - self._words[self._read]

    def clear(self) -> None:
        """Forget everything. Only while the other side does not run."""
        self._words[self._read] = self._words[self._written]
