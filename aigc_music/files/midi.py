"""Standard MIDI files (.mid, also RIFF-wrapped .rmi) <-> Score.

The reader is our own: mido gives up on a whole file at its first bad byte, and files from forty years of
programs hold many. This one keeps everything that can be read and says in `Score.repairs`, in words, what it
had to mend; only bytes without a MIDI header, or more than the limits below, are a MidiFileError. It never
raises anything else, takes time in proportion to the size, and needs no numpy.

What becomes of what:

- Time: every division, SMPTE included, is converted to 480 ticks a quarter, each tick rounded on its own to
  the nearest (no error adds up). SMPTE files count seconds, so they get a fixed 120 bpm and their tempos go.
- Notes: a note-off ends the oldest open note of its channel and pitch (first in, first out, per track).
  Note-ons with velocity 0 are note-offs. Notes that are still open end with the track. A note of no length
  becomes one tick long. A data byte above 127 keeps its lower seven bits.
- Tracks: a track whose notes or controllers stand on several channels becomes one Track per channel (lyrics
  go with the lowest). `program` is the first program change of its channel; later ones are dropped, as are
  pitch bends, aftertouch and system-exclusive messages. The name of the first track is the title; without
  music of its own it is no Track, and neither is a track that holds nothing at all.
- Tempo: files hold microseconds a quarter; they are read as the roundest bpm that is written so (666667 as 90).
- Tempo, metre and key: of several at one tick in one track the last counts, between tracks the first track's.
- Texts: UTF-8, else cp1252, else Latin-1. Cue points join the texts; a copyright notice becomes a text that
  begins with 'copyright: ' and is written back as a notice.
- Provenance: a text that begins with 'aigc-music provenance: ' is `Score.provenance`, and no text of the music.
  So is the label of AI-made content that GB 45438 asks for, a text that begins with 'AIGC: ' (see `labelled`).
- Format 2 (independent patterns): each pattern follows the one before on the next bar line, with a marker of
  its name and its own tempo (120 bpm where it names none) and metre (4/4).

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import io
import struct
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..core.errors import MidiFileError, UsageError
from ..core.notes import Note, Score, Track
from ..core.theory import Key
from ..core.time import BPM_MAX, BPM_MIN, TICKS_PER_QUARTER, Metre, MetreMap
from .atomic import atomic_write
from .reading import read_bytes

if TYPE_CHECKING:
    from mido import Message, MetaMessage, MidiFile, MidiTrack

__all__ = [
    "MAX_BYTES",
    "MAX_EVENTS",
    "MAX_TICK",
    "bpm_of_micros",
    "label_of",
    "labelled",
    "midi_file",
    "read_score",
    "score_bytes",
    "write_score",
]

MAX_BYTES = 64 * 1024 * 1024
MAX_EVENTS = 2_000_000
MAX_TRACKS = 10_000
MAX_TICK = 24 * 3600 * 2 * TICKS_PER_QUARTER
"""24 hours at 120 bpm; a track that claims to go on after that is cut there."""

_MAX_REPAIRS = 100
_COPYRIGHT = "copyright: "
_PROVENANCE = "aigc-music provenance: "
_LABEL = "AIGC: "
_FRAME_RATES = {24: (24, 1), 25: (25, 1), 29: (30_000, 1001), 30: (30, 1)}  # frames a second as a fraction
_MAJOR_TONICS = (11, 6, 1, 8, 3, 10, 5, 0, 7, 2, 9, 4, 11, 6, 1)  # of the signatures 7 flats .. 7 sharps
_MAJOR_SIGNATURES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")  # as mido spells them
_MINOR_SIGNATURES = ("Cm", "C#m", "Dm", "Ebm", "Em", "Fm", "F#m", "Gm", "G#m", "Am", "Bbm", "Bm")


# ---------------------------------------------------------------------------------------------- reading


def read_score(source: str | Path | bytes) -> Score:
    """Read a standard MIDI file from a path or from its bytes.

    `Score.repairs` is empty for a sound file. Raises MidiFileError for bytes that are no MIDI file, more than
    64 MB or more than 2 million events, and FileError for a path that cannot be read.
    """
    data = source if isinstance(source, bytes) else read_bytes(Path(source), MAX_BYTES, "a .mid file")
    name = "these bytes" if isinstance(source, bytes) else repr(str(source))
    if len(data) > MAX_BYTES:
        raise MidiFileError(f"{name}: more than {MAX_BYTES >> 20} MB: give a smaller MIDI file, or split it")
    return _Reader(data, name).score()


def label_of(data: bytes) -> str:
    """The label of AI-made content in a MIDI file, as it was given to `labelled`; '' where none is."""
    reader = _Reader(data, "these bytes")
    try:
        reader.score()
    except MidiFileError:
        return ""
    return reader.label


def labelled(data: bytes, aigc_json: str) -> bytes:
    """A MIDI file with the label of AI-made content that GB 45438 asks for, in place of one put there before.

    aigc_json: the value of its key AIGC, a JSON object; it becomes a text event at the beginning of the first track,
    behind the track's name. All other bytes stay as they are. MidiFileError for what does not begin as a MIDI file.
    """
    start = 8 + int.from_bytes(data[4:8], "big")
    if data[:4] != b"MThd" or data[start : start + 4] != b"MTrk":
        raise MidiFileError("not a standard MIDI file ('MThd', then 'MTrk'): give a .mid file")
    end = start + 8 + int.from_bytes(data[start + 4 : start + 8], "big")
    if len(data) < end or end < start + 12:
        raise MidiFileError("the first track of the MIDI file is cut short: write the file again")
    place = _behind_meta(data, start + 8, 3)
    text = (_LABEL + _encodable(aigc_json)).encode()
    label = b"\0\xff\x01" + _variable(len(text)) + text
    track = data[start + 8 : place] + label + data[_behind_meta(data, place, 1, _LABEL.encode() + b"{") : end]
    return data[: start + 4] + len(track).to_bytes(4, "big") + track + data[end:]


def _behind_meta(data: bytes, place: int, kind: int, begins: bytes = b"") -> int:
    """Where the meta event at `place`, of this kind and with this beginning, ends; `place` for any other event."""
    length, at = 0, place + 3
    while data[at] > 127 and at < place + 6:
        length, at = length << 7 | data[at] & 127, at + 1
    fits = data[place : place + 3] == bytes([0, 0xFF, kind]) and data.startswith(begins, at + 1)
    return at + 1 + (length << 7 | data[at]) if fits else place


def _variable(number: int) -> bytes:
    """A number as MIDI writes lengths: seven bits a byte, all but the last with the highest bit set."""
    found = [number & 127]
    while number := number >> 7:
        found.append(number & 127 | 128)
    return bytes(reversed(found))


class _Sequence(NamedTuple):
    """What one track chunk holds, in ticks of 480 a quarter; the 16 lists are per channel."""

    name: str
    notes: list[list[Note]]
    controls: list[list[tuple[int, int, int, int]]]
    programs: dict[int, int]
    lyrics: list[tuple[int, str]]
    texts: list[tuple[int, str]]
    markers: list[tuple[int, str]]
    tempos: dict[int, float]
    metres: dict[int, Metre]
    keys: dict[int, str]
    end: int

    @property
    def is_music(self) -> bool:
        return bool(self.lyrics or self.programs or any(self.notes) or any(self.controls))

    def later(self, by: int) -> _Sequence:
        """The same `by` ticks later, with a tempo and a metre of its own from its start."""
        return self._replace(
            notes=[[note._replace(tick=note.tick + by) for note in notes] for notes in self.notes],
            controls=[[(event[0] + by, *event[1:]) for event in events] for events in self.controls],
            lyrics=[(tick + by, text) for tick, text in self.lyrics],
            texts=[(tick + by, text) for tick, text in self.texts],
            markers=[(tick + by, text) for tick, text in self.markers],
            tempos={tick + by: bpm for tick, bpm in ({0: 120.0} | self.tempos).items()},
            metres={tick + by: metre for tick, metre in ({0: Metre()} | self.metres).items()},
            keys={tick + by: key for tick, key in self.keys.items()},
            end=self.end + by,
        )


class _Reader:
    """One pass over the bytes of one file."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name
        self.repairs: list[str] = []
        self.events = 0
        self.multiply, self.divide = 1, 1  # ticks of the file -> ticks of 480 a quarter
        self.seconds = False  # SMPTE time
        self.label = ""

    def score(self) -> Score:
        format_, promised, pos = self.header()
        sequences = self.sequences(pos)
        if len(sequences) < promised:
            self.repair(f"the header promises {_some(promised, 'track')}, {len(sequences)} found")
        score = Score()
        if format_ == 2:
            sequences = self.one_after_another(sequences, score)
        tempos: dict[int, float] = {}
        metres: dict[int, Metre] = {}
        keys: dict[int, str] = {}
        for sequence in reversed(sequences):  # the first track has the last word
            tempos.update(sequence.tempos)
            metres.update(sequence.metres)
            keys.update(sequence.keys)
        if tempos and self.seconds:
            self.repair("the file counts seconds (SMPTE), so its tempos were dropped: 120 bpm")
            tempos = {}
        elif tempos:
            tempos.setdefault(0, 120.0)  # what the format says; in a TempoMap the first tempo would hold before it
        score.tempos = sorted(tempos.items())
        score.metres = sorted(metres.items())
        score.keys = sorted(keys.items())
        score.markers += [marker for sequence in sequences for marker in sequence.markers]
        score.texts = [text for sequence in sequences for text in sequence.texts]
        score.markers.sort(key=_tick)
        score.texts.sort(key=_tick)
        records = [text for _, text in score.texts if text.startswith(_PROVENANCE)]
        if records:
            score.provenance = records[0].removeprefix(_PROVENANCE)
            score.texts = [(tick, text) for tick, text in score.texts if not text.startswith(_PROVENANCE)]
        labels = [text for _, text in score.texts if text.startswith(_LABEL + "{")]
        if labels:
            self.label = labels[0].removeprefix(_LABEL)
            score.texts = [(tick, text) for tick, text in score.texts if not text.startswith(_LABEL + "{")]
        if sequences and format_ != 2:
            score.title = sequences[0].name
            if not sequences[0].is_music:
                del sequences[0]
        for sequence in sequences:
            score.tracks += _tracks(sequence, whole_file=format_ == 0)
        score.repairs = self.repairs
        return score

    def repair(self, text: str) -> None:
        if len(self.repairs) < _MAX_REPAIRS:
            self.repairs.append(text)
        elif len(self.repairs) == _MAX_REPAIRS:
            self.repairs.append("... and more of this kind")

    # ---- chunks

    def header(self) -> tuple[int, int, int]:
        """Read the header chunk: format 0..2, number of tracks, position behind it; sets the time scale."""
        data = self.data
        if data[:4] == b"RIFF" and data[8:16] == b"RMIDdata":
            self.data = data = data[20 : 20 + int.from_bytes(data[16:20], "little")]
        start = data.find(b"MThd")
        if start < 0:
            raise MidiFileError(f"{self.name}: not a standard MIDI file (no 'MThd' header): give a .mid file")
        if start:
            self.repair(f"{start} bytes before the header skipped")
        if len(data) < start + 14:
            raise MidiFileError(f"{self.name}: cut short inside the header: nothing can be read from it")
        length, format_, tracks, division = struct.unpack_from(">IHHH", data, start + 4)
        pos = start + 8 + length
        if length < 6 or pos > len(data):
            self.repair(f"the header claims {length} bytes: taken as 6")
            pos = start + 14
        if format_ > 2:
            self.repair(f"unknown format {format_}: read as format 1")
            format_ = 1
        if division & 0x8000:
            self.seconds = True
            rate, per_frame = 256 - (division >> 8), division & 0xFF
            if rate not in _FRAME_RATES or not per_frame:
                self.repair(f"time division of {rate} frames a second by {per_frame} ticks: taken as 25 by 40")
                rate, per_frame = 25, 40
            frames, of = _FRAME_RATES[rate]
            self.multiply, self.divide = 2 * TICKS_PER_QUARTER * of, frames * per_frame  # 2 quarters a second
        elif division:
            self.multiply, self.divide = TICKS_PER_QUARTER, division
        else:
            self.repair(f"time division 0: taken as {TICKS_PER_QUARTER} ticks a quarter")
        return format_, tracks, pos

    def sequences(self, pos: int) -> list[_Sequence]:
        """Read every track chunk from `pos` on, whatever lies between them."""
        data, size = self.data, len(self.data)
        found: list[_Sequence] = []
        while pos < size:
            kind, length = data[pos : pos + 4], int.from_bytes(data[pos + 4 : pos + 8], "big")
            body, end = pos + 8, pos + 8 + length
            if kind != b"MTrk":
                if len(kind) == 4 and kind.isascii() and kind.decode().isprintable() and end <= size:
                    pos = end  # a chunk of another kind is legal
                    continue
                start = data.find(b"MTrk", pos)
                if found or start >= 0:
                    self.repair(f"{(start if start >= 0 else size) - pos} bytes between the tracks skipped")
                pos = start if start >= 0 else size
                continue
            if len(found) == MAX_TRACKS:
                self.repair(f"only the first {MAX_TRACKS} tracks were read")
                break
            number = len(found) + 1
            if end > size:
                self.repair(f"track {number} claims {length} bytes, {max(0, size - body)} are there")
                end = size
            elif end < size and data[end : end + 4] != b"MTrk" and data[end - 3 : end] != b"\xff\x2f\x00":
                following = data.find(b"MTrk", end)
                end = following if following >= 0 else size
            # no copy of a great rest of the file: ten thousand tracks may each claim all of it
            chunk = memoryview(data)[body:end] if end - body > 1 << 20 else data[body:end]
            sequence, used = self.track(chunk, number)
            found.append(sequence)
            if length < used:
                self.repair(f"track {number} is longer than the {length} bytes that it claims")
            hidden = data.find(b"MTrk", body + used, end)  # a length too great swallows the next track
            if hidden >= 0:
                self.repair(f"track {number} is shorter than the {length} bytes that it claims")
            pos = hidden if hidden >= 0 else end
        return found

    # ---- one track

    def track(self, body: bytes | memoryview, number: int) -> tuple[_Sequence, int]:
        """Read the events of one track chunk; returns them and the number of bytes used."""
        multiply, divide = self.multiply, self.divide
        twice, same = 2 * divide, multiply == divide
        longest = MAX_TICK * divide // multiply
        notes: list[list[Note]] = [[] for _ in range(16)]
        controls: list[list[tuple[int, int, int, int]]] = [[] for _ in range(16)]
        programs: dict[int, int] = {}
        metas: list[tuple[int, int, bytes]] = []
        open_: dict[int, tuple[int, int]] = {}  # channel and pitch -> (tick, velocity)
        later: dict[int, deque[tuple[int, int]]] = {}  # further notes on that key, oldest first
        new = tuple.__new__
        now = tick = running = 0
        pos = events = 0
        room = MAX_EVENTS - self.events
        strays = high = empty = junk = 0
        cut = ""
        try:
            while True:
                delta = body[pos]
                pos += 1
                if delta:
                    if delta > 127:
                        byte, delta, last = delta, delta & 127, pos + 3
                        while byte > 127:
                            if pos == last:
                                cut = "a time of more than four bytes"
                                break
                            byte = body[pos]
                            pos += 1
                            delta = delta << 7 | byte & 127
                    if now + delta > longest:
                        cut = cut or "a time beyond 24 hours"
                    if cut:
                        break
                    now += delta
                    tick = now if same else (2 * now * multiply + divide) // twice
                events += 1
                if events > room:
                    raise MidiFileError(
                        f"{self.name}: more than {MAX_EVENTS:,} events: give a smaller MIDI file, or split it"
                    )
                status = body[pos]
                if status > 127:
                    pos += 1
                    if status < 0xF0:
                        running = status
                else:
                    status = running

                if status < 0xA0:
                    if not status:  # a data byte before any status
                        pos += 1
                        junk += 1
                        continue
                    pitch, velocity = body[pos], body[pos + 1]
                    pos += 2
                    if (pitch | velocity) > 127:
                        high += 1
                        pitch &= 127
                        velocity &= 127
                    key = (status & 15) << 7 | pitch
                    if status > 0x8F and velocity:
                        if key in open_:
                            later.setdefault(key, deque()).append((tick, velocity))
                        else:
                            open_[key] = (tick, velocity)
                    elif key in open_:
                        start, loud = open_.pop(key)
                        if start == tick:
                            empty += 1
                        channel = status & 15
                        notes[channel].append(new(Note, (start, pitch, loud, tick - start or 1, channel)))
                        if later and key in later:
                            waiting = later[key]
                            open_[key] = waiting.popleft()
                            if not waiting:
                                del later[key]
                    else:
                        strays += 1
                elif status < 0xF0:
                    kind, first = status & 0xF0, body[pos]
                    if kind == 0xC0:
                        programs.setdefault(status & 15, first & 127)
                        pos += 1
                    elif kind == 0xD0:
                        pos += 1
                    else:
                        second = body[pos + 1]
                        if kind == 0xB0:
                            channel = status & 15
                            controls[channel].append((tick, channel, first & 127, second & 127))
                        if (first | second) > 127:
                            high += 1
                        pos += 2
                elif status == 0xFF or status in (0xF0, 0xF7):
                    kind = -1
                    if status == 0xFF:
                        kind = body[pos]
                        pos += 1
                    length = body[pos]
                    pos += 1
                    if length > 127:
                        byte, length, last = length, length & 127, pos + 3
                        while byte > 127 and pos < last:
                            byte = body[pos]
                            pos += 1
                            length = length << 7 | byte & 127
                    if kind == 0x2F:
                        break
                    if pos + length > len(body):
                        cut = f"a message that claims {length} bytes"
                        break
                    if kind >= 0:
                        metas.append((tick, kind, bytes(body[pos : pos + length])))
                    pos += length
                else:  # system common and realtime messages have no place in a file
                    pos += 2 if status == 0xF2 else 1 if status in (0xF1, 0xF3) else 0
                    junk += 1
        except IndexError:
            cut = "the end of its bytes, without an end mark"
            pos = len(body)
        self.events += events

        left = len(open_) + sum(len(waiting) for waiting in later.values())
        for key, first_open in open_.items():
            channel, pitch = divmod(key, 128)
            for start, loud in (first_open, *later.get(key, ())):
                notes[channel].append(Note(start, pitch, loud, max(1, tick - start), channel))
        for of_channel in notes:
            of_channel.sort()
        where = f"track {number}"
        for count, text in (
            (left, "without an end, closed with the track"),
            (empty, "of no length, made one tick long"),
        ):
            if count:
                self.repair(f"{where}: {_some(count, 'note')} {text}")
        if cut:
            self.repair(f"{where}: stopped at tick {tick}, at {cut}")
        if strays:
            self.repair(f"{where}: {_some(strays, 'note-off')} without a note dropped")
        if high:
            self.repair(f"{where}: {_some(high, 'message')} with data above 127, upper bit dropped")
        if junk:
            self.repair(f"{where}: {_some(junk, 'stray byte or message', 'stray bytes or messages')} skipped")
        return self.sequence(metas, notes, controls, programs, tick, where), pos

    def sequence(
        self,
        metas: list[tuple[int, int, bytes]],
        notes: list[list[Note]],
        controls: list[list[tuple[int, int, int, int]]],
        programs: dict[int, int],
        end: int,
        where: str,
    ) -> _Sequence:
        """Give the meta events of one track their meaning."""
        name = instrument = ""
        lyrics: list[tuple[int, str]] = []
        texts: list[tuple[int, str]] = []
        markers: list[tuple[int, str]] = []
        tempos: dict[int, float] = {}
        metres: dict[int, Metre] = {}
        keys: dict[int, str] = {}
        for tick, kind, raw in metas:
            if kind == 0x05:
                lyrics.append((tick, _text(raw)))
            elif kind == 0x03:
                name = name or _text(raw).strip()
            elif kind == 0x04:
                instrument = instrument or _text(raw).strip()
            elif kind == 0x01 or kind == 0x07:
                texts.append((tick, _text(raw)))
            elif kind == 0x02:
                texts.append((tick, _COPYRIGHT + _text(raw)))
            elif kind == 0x06:
                markers.append((tick, _text(raw)))
            elif kind == 0x51:
                micros = int.from_bytes(raw[:3], "big") if len(raw) >= 3 else 0
                if not micros:
                    self.repair(f"{where}: a tempo of 0 at tick {tick} dropped")
                    continue
                bpm = bpm_of_micros(micros)
                if not BPM_MIN <= bpm <= BPM_MAX:
                    held = min(max(bpm, BPM_MIN), BPM_MAX)
                    self.repair(f"{where}: a tempo of {bpm:.6g} bpm at tick {tick} was made {held:g} bpm")
                    bpm = held
                tempos[tick] = bpm
            elif kind == 0x58:
                if len(raw) < 2 or not raw[0] or raw[1] > 7:
                    self.repair(f"{where}: a time signature that makes no sense at tick {tick} dropped")
                    continue
                metres[tick] = Metre(raw[0], 1 << raw[1])
            elif kind == 0x59:
                sharps = int.from_bytes(raw[:1], "big", signed=True)
                if len(raw) < 2 or abs(sharps) > 7 or raw[1] > 1:
                    self.repair(f"{where}: a key signature that makes no sense at tick {tick} dropped")
                    continue
                tonic = _MAJOR_TONICS[sharps + 7]
                keys[tick] = str(Key((tonic + 9) % 12, "minor") if raw[1] else Key(tonic, "major"))
        name = name or instrument
        return _Sequence(name, notes, controls, programs, lyrics, texts, markers, tempos, metres, keys, end)

    def one_after_another(self, sequences: list[_Sequence], score: Score) -> list[_Sequence]:
        """Shift each pattern of a format 2 file behind the one before it, onto a bar line."""
        shifted: list[_Sequence] = []
        start = 0
        for number, pattern in enumerate(sequences, 1):
            length = max([pattern.end, *(note.end for notes in pattern.notes for note in notes)])
            metre_map = MetreMap(sorted(pattern.metres.items()))
            bar_line = metre_map.bar_start(length)
            if bar_line < length:
                bar_line += metre_map.position(bar_line).metre.bar_ticks
            score.markers.append((start, pattern.name or f"pattern {number}"))
            shifted.append(pattern.later(start))
            start += bar_line
        return shifted


def bpm_of_micros(micros: int) -> float:
    """Tempo of a quarter of `micros` microseconds: the roundest number of bpm that a file would write so."""
    exact = 60e6 / micros
    for digits in range(4):
        rounded = round(exact, digits)
        if rounded and round(60e6 / rounded) == micros:
            return rounded
    return exact


def _tick(event: tuple[int, str]) -> int:
    return event[0]


def _some(count: int, what: str, many: str = "") -> str:
    return f"{count} {what if count == 1 else many or what + 's'}"


def _text(raw: bytes) -> str:
    raw = raw.rstrip(b"\0")
    for charset in ("utf-8", "cp1252"):
        try:
            return raw.decode(charset)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def _tracks(sequence: _Sequence, whole_file: bool) -> list[Track]:
    """The Track of a sequence, or one per channel; none for an empty one."""
    channels = [channel for channel in range(16) if sequence.notes[channel] or sequence.controls[channel]]
    if len(channels) < 2:
        if not sequence.is_music and not sequence.name:
            return []
        channel = channels[0] if channels else min(sequence.programs, default=0)
        return [
            Track(
                sequence.name,
                sequence.programs.get(channel),
                sequence.notes[channel],
                sequence.controls[channel],
                sequence.lyrics,
            )
        ]
    before, after = ("", "") if whole_file or not sequence.name else (f"{sequence.name} (", ")")
    tracks = [
        Track(
            f"{before}channel {channel + 1}{after}",
            sequence.programs.get(channel),
            sequence.notes[channel],
            sequence.controls[channel],
        )
        for channel in channels
    ]
    tracks[0].lyrics = sequence.lyrics
    return tracks


# ---------------------------------------------------------------------------------------------- writing

# order of messages at one tick: a note ends before its key is struck again, and sounds as what it was set to
_OFF, _PROGRAM, _CONTROL, _LYRIC, _ON = range(5)


def write_score(score: Score, path: str | Path) -> None:
    """Write `score` as a standard MIDI file (see `score_bytes`); a failure leaves nothing behind.

    Raises FileError when the file cannot be written and UsageError for values that MIDI cannot hold.
    """
    data = score_bytes(score)
    with atomic_write(path) as file:
        file.write(data)


def score_bytes(score: Score) -> bytes:
    """`score` as the bytes of a standard MIDI file: format 1, 480 ticks a quarter, texts in UTF-8.

    The first track holds title, tempo, metre, key, markers and texts; then comes one track per Track. Where
    two notes of one Track overlap on one channel and pitch, the earlier ends where the later begins (of two
    that begin together the longer stays): MIDI cannot tell them apart, and this way each player plays the
    same. MIDI knows keys as major or minor only: 'D dorian' is written as D minor.
    Raises UsageError for values that MIDI cannot hold.
    """
    out = io.BytesIO()
    midi_file(score).save(file=out)
    return out.getvalue()


def midi_file(score: Score) -> MidiFile:
    """`score` as a mido.MidiFile, laid out as `score_bytes` says."""
    import mido  # here, because only writing needs it

    file: MidiFile = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER, charset="utf-8")
    file.tracks.append(_mido_track(_conductor(score), score.title))
    for track in score.tracks:
        file.tracks.append(_mido_track(_performance(track), track.name))
    return file


_Timed = tuple[int, int, "Message | MetaMessage"]


def _mido_track(events: list[_Timed], name: str) -> MidiTrack:
    import mido

    track: MidiTrack = mido.MidiTrack()
    if name:
        track.append(mido.MetaMessage("track_name", name=_encodable(name)))
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        if not 0 <= tick <= MAX_TICK:
            raise UsageError(f"tick {tick} cannot be written to a MIDI file: give 0..{MAX_TICK} (24 hours)")
        message.time = tick - now
        now = tick
        track.append(message)
    track.append(mido.MetaMessage("end_of_track"))
    return track


def _conductor(score: Score) -> list[_Timed]:
    from mido import MetaMessage

    events: list[_Timed] = []
    for tick, bpm in score.tempo_map().changes if score.tempos else []:
        events.append((tick, 0, MetaMessage("set_tempo", tempo=round(60e6 / bpm))))
    for tick, (beats, unit) in score.metres:
        if not 1 <= beats <= 255 or unit not in (1, 2, 4, 8, 16, 32, 64, 128):
            raise UsageError(f"metre {beats}/{unit} at tick {tick}: give 1..255 beats of 1/1, 1/2, 1/4 .. 1/128")
        events.append((tick, 1, MetaMessage("time_signature", numerator=beats, denominator=unit)))
    for tick, name in score.keys:
        key = Key.parse(name)
        signature = (_MINOR_SIGNATURES if key.is_minor else _MAJOR_SIGNATURES)[key.tonic]
        events.append((tick, 2, MetaMessage("key_signature", key=signature)))
    if score.provenance:
        events.append((0, 3, MetaMessage("text", text=_encodable(_PROVENANCE + score.provenance))))
    for tick, text in score.markers:
        events.append((tick, 3, MetaMessage("marker", text=_encodable(text))))
    for tick, text in score.texts:
        kind = "copyright" if text.startswith(_COPYRIGHT) else "text"
        events.append((tick, 4, MetaMessage(kind, text=_encodable(text.removeprefix(_COPYRIGHT)))))
    return events


def _performance(track: Track) -> list[_Timed]:
    from mido import Message, MetaMessage

    events: list[_Timed] = []
    channels = {note.channel for note in track.notes} or {event[1] for event in track.controls} or {0}
    try:
        if track.program is not None:
            for channel in sorted(channels):
                change = Message("program_change", channel=channel, program=track.program)
                events.append((0, _PROGRAM, change))
        for tick, channel, control, value in track.controls:
            change = Message("control_change", channel=channel, control=control, value=value)
            events.append((tick, _CONTROL, change))
        for tick, pitch, velocity, duration, channel in _without_overlap(track.notes):
            off = Message("note_off", channel=channel, note=pitch, velocity=0)
            on = Message("note_on", channel=channel, note=pitch, velocity=max(1, velocity))
            events += ((tick, _ON, on), (tick + duration, _OFF, off))
    except (ValueError, TypeError) as error:
        raise UsageError(f"track {track.name!r} holds a value that MIDI cannot: {error}") from error
    for tick, syllable in track.lyrics:
        events.append((tick, _LYRIC, MetaMessage("lyrics", text=_encodable(syllable))))
    return events


def _without_overlap(notes: list[Note]) -> list[Note]:
    """Cut each note where the next one of its key begins; of two at one tick keep the longer."""
    kept: list[Note] = []
    last: dict[tuple[int, int], int] = {}  # (channel, pitch) -> index in kept
    for note in sorted(notes):
        if note.duration < 1:
            note = note._replace(duration=1)
        key = note.channel, note.pitch
        index = last.get(key)
        if index is not None:
            before = kept[index]
            if before.tick == note.tick:
                kept[index] = max(before, note, key=lambda either: either.duration)
                continue
            if before.end > note.tick:
                kept[index] = before._replace(duration=note.tick - before.tick)
        last[key] = len(kept)
        kept.append(note)
    return kept


def _encodable(text: str) -> str:
    """`text` with '?' for what UTF-8 cannot hold (lone surrogates, as in names of broken files)."""
    return text.encode("utf-8", "replace").decode()
