"""The music that a task works on: a file or a score, read once and named by role.

Parts, beats, key and chords are found as they are for training. What the file says itself (chord names as text
events, a key signature that fits its notes) comes before any estimate.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aigc_music.core.errors import UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.parts import DRUMS, PART_NAMES
from aigc_music.core.styles import STYLE_NAMES
from aigc_music.core.theory import NO_CHORD, Chord, Key
from aigc_music.core.time import TICKS_PER_QUARTER, Metre
from aigc_music.files.midi import read_score
from models.music.corpus import BASS, KEY_PROFILES, KEYS, MELODY, Song, assign_parts, song_of_score
from models.music.harmony import ChordModel
from models.music.windows import bar_likeness, chord_basses, unit_table

from .chart import Played, Pointer, whole_bars
from .chords import ChordAt, chords_under

__all__ = ["Given", "likely_style", "read_given"]

_SLACK = 30  # ticks that a note may ring past the last bar line
_KEY_FITS = 0.9  # share of the notes that a key signature must hold to be believed
_HOME = 0.1  # what ending on its tonic adds to a key's correlation
_COMES_BACK = 0.5  # likeness from which on a bar counts as one that was heard before
_FAR = 64  # bars beyond which nobody looks back


@dataclass(frozen=True, slots=True)
class Given:
    """A piece as it was given. bars: (first tick, metre) of each; end: the bar line after the last note."""

    score: Score
    song: Song
    bars: list[tuple[int, Metre]]
    end: int
    key: Key
    chords: list[ChordAt]

    @property
    def notes(self) -> list[Played]:
        """All notes, each with its part, in order of time."""
        return sorted(Played(*(int(value) for value in row)) for row in self.song.notes)

    @property
    def parts(self) -> frozenset[int]:
        """The parts that it holds."""
        return frozenset(int(part) for part in np.unique(self.song.notes[:, 1]))

    @property
    def metres(self) -> list[tuple[int, Metre]]:
        """(tick, Metre) from tick 0 on."""
        return self.score.metre_map().changes

    @property
    def bpm(self) -> float:
        """Tempo at the beginning."""
        return self.score.tempo_map().bpm_at(0)

    def bar_lines(self, beats: bool) -> list[tuple[int, bool]]:
        """(tick, whether a bar begins) of every half bar, or with `beats` of every beat."""
        rows = []
        for tick, metre in self.bars:
            step = metre.beat_ticks if beats else metre.bar_ticks // (2 if metre.beats % 2 == 0 else 1)
            rows += [(tick + place, place == 0) for place in range(0, metre.bar_ticks, step)]
        return rows

    def form(self) -> list[Pointer]:
        """Where its bars come back: what is played to them may come back too."""
        alike = bar_likeness(self.song, unit_table(self.song))
        rows = []
        for bar, unit in enumerate(alike.starts):
            earlier = alike.table[bar, max(0, bar - _FAR) : bar][::-1] / 100
            back = int(np.argmax(earlier)) + 1 if len(earlier) else 0
            again = back > 0 and earlier[back - 1] >= _COMES_BACK
            rows.append(Pointer(int(unit) * 40, back if again else 0, float(earlier[back - 1]) if again else 0.0))
        return rows

    def track_of(self, part: int) -> int | None:
        """Index in score.tracks of the track that plays `part`; None where none does."""
        tracks = [index for index, track in enumerate(self.score.tracks) if track.notes]
        parts = assign_parts([self.score.tracks[index] for index in tracks])
        if part == BASS and BASS not in parts and BASS in self.parts:
            part = KEYS  # the left hand of the keys counted as bass
        return next((index for index, other in zip(tracks, parts, strict=True) if other == part), None)

    def with_tracks(self, changed: Mapping[int, list[Note]], added: list[Track]) -> Score:
        """The score with other notes in some tracks (by index), and new tracks behind them."""
        score = self.score
        kept = [
            Track(track.name, track.program, sorted(changed.get(index, track.notes)), track.controls, track.lyrics)
            for index, track in enumerate(score.tracks)
        ]
        return Score(
            kept + added, list(score.tempos), list(score.metres), list(score.keys), list(score.markers),
            list(score.texts), score.title,
        )  # fmt: skip

    def played_as(self, played: Mapping[Played, Played]) -> Score:
        """The score with every note where, and as loud as, it is played; lengths stay."""
        places = {(note.tick, note.pitch, note.part == DRUMS): to for note, to in played.items()}
        changed = {}
        for index, track in enumerate(self.score.tracks):
            rows = []
            for note in track.notes:
                to = places.get((note.tick, note.pitch, note.channel == 9))
                rows.append(note if to is None else note._replace(tick=to.tick, velocity=to.velocity))
            changed[index] = rows
        return self.with_tracks(changed, [])


def read_given(source: str | Score, task: str, key: Key | None = None, beats: bool = False) -> Given:
    """Read and name what was given. key: None = found; beats: whether chords may change with every beat.

    FileError when the file cannot be read, UsageError when it holds too little music.
    """
    score = source if isinstance(source, Score) else read_score(Path(source))
    name = "the given score" if isinstance(source, Score) else repr(source)
    song = song_of_score(score, name="given")
    if song is None:
        raise UsageError(f"task {task}: {name} holds fewer than 4 notes: give some bars of music")
    key = key or _key_of(score, song)
    song.key_root, song.key_minor, song.key_given = key.tonic, key.is_minor, True
    end = int((song.notes[:, 0] + song.notes[:, 4]).max()) - _SLACK
    last = int(song.notes[:, 0].max())
    bars = whole_bars(score.metre_map().changes, max(end, last + 1))
    given = Given(score, song, bars, bars[-1][0] + bars[-1][1].bar_ticks, key, [])
    chords = _written_chords(score) or _found_chords(given, beats)
    song.chords = np.array([(row.tick, *row.chord) for row in chords], np.int32).reshape(-1, 3)
    return Given(given.score, song, bars, given.end, key, chords)


def need_part(given: Given, part: int, task: str) -> None:
    """UsageError when the given music has no such part."""
    if part not in given.parts:
        found = ", ".join(PART_NAMES[other] for other in sorted(given.parts))
        raise UsageError(
            f"task {task}: there is no {PART_NAMES[part]} in the given music (found: {found}): name its track"
            f" {PART_NAMES[part]!r}, or give a track with one note at a time"
        )


def _key_of(score: Score, song: Song) -> Key:
    """The key signature where the notes keep to it, else the likeliest key.

    A little likelier where it ends on its tonic: of the tunes of POP909 (test and valid) 87 % get their key, 74 % by
    the profiles alone.
    """
    notes = song.notes[song.notes[:, 1] != DRUMS]
    if len(notes) == 0:
        return Key(0, "major")
    pitches = notes[:, 2]
    for _, name in score.keys[:1]:
        key = Key.parse(name)
        if np.mean(key.scale >> pitches % 12 & 1) >= _KEY_FITS:
            return key
    weights = np.bincount(pitches % 12, weights=np.minimum(notes[:, 4], 4 * TICKS_PER_QUARTER), minlength=12)
    with np.errstate(invalid="ignore"):  # twelve equal tones are like no key: not a number, and no reason to warn
        likely = np.array(
            [np.corrcoef(weights, np.roll(profile, root))[0, 1] for profile in KEY_PROFILES for root in range(12)]
        )
    last = int(notes[notes[:, 0] == notes[-1, 0], 2].min()) % 12
    likely[[last, last + 12]] += _HOME
    best = int(np.argmax(np.nan_to_num(likely)))
    return Key(best % 12, "minor" if best >= 12 else "major")


def _written_chords(score: Score) -> list[ChordAt]:
    """Chord names among the text events, where nearly all of them are some."""
    rows = []
    for tick, text in score.texts:
        head, _, bass = text.strip().partition("/")
        if head[:1] not in tuple("ABCDEFGN") or len(text) > 12 or " " in text.strip():
            continue
        try:
            rows.append(ChordAt(tick, Chord.parse(head), Chord.parse(bass).root if bass else 12))
        except UsageError:
            continue
    return rows if len(rows) > 1 and len(rows) >= 0.8 * len(score.texts) else []


def _found_chords(given: Given, beats: bool) -> list[ChordAt]:
    """The likeliest chords: of the tune in its key where a tune is all there is, else of what sounds."""
    song = given.song
    pitched = song.notes[song.notes[:, 1] != DRUMS]
    if len(pitched) == 0:
        return []
    if set(np.unique(pitched[:, 1])) == {MELODY}:
        style = STYLE_NAMES[song.style] if song.style < len(STYLE_NAMES) else "folk"
        return chords_under(ChordModel.load(), pitched, given.bar_lines(beats), given.end, given.key, style)
    return [
        ChordAt(int(tick), Chord(int(root), int(quality)), int(bass))
        for (tick, root, quality), bass in zip(song.chords, chord_basses(song), strict=True)
        if quality < NO_CHORD
    ]


def likely_style(song: Song) -> str:
    """A style that suits who plays: no more than a guess by instruments, and by whether a player played it.

    Asking the model under which style it is least surprised does not work: once it hears the music, the style's name
    changes next to nothing (0.01 bits a note).
    """
    parts = {PART_NAMES[part] for part in np.unique(song.notes[:, 1])}
    if "drums" in parts:
        return "rock" if parts == {"drums"} else "pop"
    if {"counter", "inner"} <= parts:
        return "chorale"
    if song.played:
        return "pop"
    if "keys" in parts:
        return "art_song" if "melody" in parts else "classical"
    return "folk"
