"""What a text is about: its theme, its mood, and the true facts of the music it tells of, as facts and flags for the
grammar.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aigc_music.engine.registry import Material
from aigc_music.engine.requests import TextRequest
from models.words.language.model import LanguageModel
from models.zoo import cards

from ...facts import SongFacts, facts_of
from ..grammar import FUNCTION, is_content
from .forms import joined

__all__ = ["Subject", "subject_of"]

LINKS = frozenset(
    ("a", "an", "the", "of", "in", "on", "at", "and", "with", "without", "under", "over", "for", "from", "to", "by")
)
"""Light words that a theme may hold and still be a phrase; others make it a sentence, of which one word is taken."""
PHRASE = 5  # words
NEAREST = 400  # words of the language model that count as near
SHOWN_CHORDS = 4
FAST_BPM = 112.0
SIGNS = re.compile(r"[{}\[\]|]+")  # those of the grammar
OWN_TITLE = re.compile(r", seed \d+$")

ZH_KEYS = {"major": "大调", "minor": "小调"}
ZH_SECTIONS = {
    "verse": "主歌", "chorus": "副歌", "bridge": "桥段", "intro": "前奏", "outro": "尾奏", "ending": "结尾",
    "blues": "布鲁斯",
}  # fmt: skip
ZH_PARTS = {"melody": "旋律", "bass": "贝斯", "keys": "键盘", "drums": "鼓", "counter": "副旋律", "inner": "内声部"}
ZH_STYLES = {
    "pop": "流行", "jazz": "爵士", "folk": "民谣", "chorale": "众赞歌", "hymn": "赞美诗", "art_song": "艺术歌曲",
    "classical": "古典", "romantic": "浪漫派", "baroque": "巴洛克", "quartet": "四重奏", "carol": "颂歌",
    "rock": "摇滚", "funk": "放克", "hiphop": "嘻哈", "latin": "拉丁", "soul": "灵魂乐", "afro": "非洲节拍",
    "punk": "朋克", "country": "乡村", "reggae": "雷鬼", "ragtime": "拉格泰姆",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """facts: name -> value, what is known. flags: names of moods and of facts that are known. words: those of the
    theme that carry meaning. song: the music, where there is some. near: word -> likeness to the theme 0..1; model:
    that tells it."""

    facts: dict[str, str]
    flags: frozenset[str]
    words: tuple[str, ...]
    song: SongFacts | None = None
    near: dict[str, float] = field(default_factory=dict)
    model: Material | None = None
    language: str = "en"

    @property
    def likeness(self) -> Callable[[str], float]:
        """How near a text comes to the theme, 0..1: its nearest word (character in zh)."""
        if self.language == "zh":
            return lambda text: max((self.near.get(character, 0.0) for character in text), default=0.0)
        words = re.compile(r"[a-z']+")
        return lambda text: max((self.near.get(word, 0.0) for word in words.findall(text.lower())), default=0.0)


def subject_of(request: TextRequest, theme: str, bright: bool) -> Subject:
    """theme: where the request has none. bright: the mood where there is no music to tell it. FileError where the
    music cannot be read."""
    language = request.language
    about = SIGNS.sub(" ", request.theme or request.title or theme).strip(" .,!?。，！？") or theme
    words = _content(about, language)
    facts = {"theme": _phrase(about, words, language)}
    flags = {language}
    song = None
    if request.melody is not None:
        song = facts_of(request.melody)
        facts |= _song(song, language)
        bright = song.mood[0] > 0
        known = {
            "minor": song.key.is_minor, "major": not song.key.is_minor, "style": song.style != "", "song": True,
            "fast": song.bpm >= FAST_BPM, "slow": song.bpm < FAST_BPM, "made": "made_seed" in facts,
            "form": len({section.name for section in song.sections}) > 1,
        }  # fmt: skip
        flags |= {name for name, holds in known.items() if holds}
    flags.add("bright" if bright else "dark")
    for name in ("title", "artist"):
        value = getattr(request, name) or (_title(song) if name == "title" else "")
        if value:
            facts[name] = value
            flags.add(name)
    near, model = _near(words, language)
    return Subject(facts, frozenset(flags), tuple(words) or (about,), song, near, model, language)


def _title(song: SongFacts | None) -> str:
    """The title of a piece; ours are named by style, key and seed where nobody gave them one."""
    return "" if song is None or OWN_TITLE.search(song.title) else song.title


def _content(about: str, language: str) -> list[str]:
    if language == "zh":
        pieces = [piece for piece in re.split(r"[\W_]+|的|和|与|在", about) if piece]
        return [word for piece in pieces for word in ((piece[:2], piece[2:]) if len(piece) == 4 else (piece,))]
    return [word for word in re.findall(r"[\w']+", about.lower()) if is_content(word)]


def _phrase(about: str, words: list[str], language: str) -> str:
    """The theme as a noun phrase as far as one can tell: whole where it is short, else its last word."""
    if language == "zh":
        return about if len(about) <= 8 else (words[-1] if words else about)
    parts = about.split()
    plain = all(part.lower() in LINKS or part.lower() not in FUNCTION for part in parts)
    if len(parts) <= PHRASE and plain:
        return about if about[1:] != about[1:].lower() else about.lower()
    return words[-1] if words else about


def _song(song: SongFacts, language: str) -> dict[str, str]:
    """True facts of a piece, in words."""
    zh = language == "zh"
    tonic, _, mode = str(song.key).partition(" ")
    minutes, seconds = divmod(round(song.seconds), 60)
    tracks = [(number, track) for number, track in enumerate(song.score.tracks, 1) if track.notes]
    parts = [track.name.strip() or f"track {number}" for number, track in tracks]
    names = [section.name or "free" for section in song.sections]
    chords = Counter(str(chord.chord) for chord in song.chords)
    beats = song.score.metre_map().position(0).metre
    if zh:
        length = f"{minutes}分{seconds}秒" if minutes else f"{seconds}秒"
        names = [ZH_SECTIONS.get(name, name) for name in names]
        parts = [ZH_PARTS.get(name, name) for name in parts]
    else:
        counts = ((minutes, "minute"), (seconds, "second"))
        length = " and ".join(f"{count} {unit}{'s' * (count != 1)}" for count, unit in counts if count)
    facts = {
        "key": f"{tonic}{ZH_KEYS.get(mode, mode)}" if zh else str(song.key),
        "bpm": f"{song.bpm:.4g}",
        "bars": str(len(song.bars)),
        "metre": f"{beats.beats}/{beats.unit}",
        "length": length,
        "players": joined(parts, language),
        "count": str(len(parts)),
        "notes": str(len(song.notes)),
        "form": joined(names, language),
        "chords": joined([name for name, _ in chords.most_common(SHOWN_CHORDS)], language),
        "style": ZH_STYLES.get(song.style, song.style) if zh else song.style.replace("_", " "),
    }
    seed = _made(song.score.provenance).get("seed")
    return facts | ({} if seed is None else {"made_seed": str(seed)})


def _made(provenance: str) -> dict[str, Any]:
    """The record of a piece of our own, empty where there is none."""
    try:
        record = json.loads(provenance)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _near(words: list[str], language: str) -> tuple[dict[str, float], Material | None]:
    """Words near the theme with their likeness 0..1, by our own language model where it is installed."""
    name = f"words-{language}"
    if name not in cards():
        return {}, None
    model = LanguageModel.load(name)
    likeness = model.near(words, NEAREST)
    near = {model.words[index]: float(likeness[index]) for index in likeness.nonzero()[0]}
    return near, Material.of_card(model.card)
