"""How Chinese sounds: pinyin, tones, rhyme groups, level and oblique tones of a line in Mandarin.

pypinyin reads; it knows the readings of many phrases, so that 行 in 银行 is not that of 行走. Traditional
characters are turned into simplified ones first, for its phrases are written in those. The 13 groups (shisan zhe) are
those of the northern stage and of songs today, the 18 (Zhonghua xinyun, 1941) part some of them further. Tones are
those of today, not of the Tang: 1 and 2 count as level, the others as oblique.

Threads: any. Realtime-safe: no (allocates; loads a large table once).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from opencc import OpenCC
from pypinyin import Style, pinyin
from pypinyin.constants import PINYIN_DICT

from aigc_music.core.errors import UsageError

__all__ = ["EIGHTEEN", "THIRTEEN", "Reading", "count", "kind", "read", "rhyme_group", "rhymes"]

THIRTEEN: Mapping[str, str] = {
    "fahua": "a ia ua",
    "suobo": "o e uo io",
    "miexie": "ê ie üe",
    "guxu": "u",
    "yiqi": "-i i ü er",
    "huailai": "ai uai",
    "huidui": "ei uei",
    "yaotiao": "ao iao",
    "youqiu": "ou iou",
    "yanqian": "an ian uan üan",
    "renchen": "en in uen ün",
    "jiangyang": "ang iang uang",
    "zhongdong": "eng ing ueng ong iong",
}
"""Rhyme group -> its finals, '-i' being that of zhi and zi."""

EIGHTEEN: Mapping[str, str] = {
    "ma": "a ia ua", "bo": "o uo io", "ge": "e", "jie": "ê ie üe", "zhi": "-i", "er": "er", "qi": "i",
    "wei": "ei uei", "kai": "ai uai", "mu": "u", "yu": "ü", "hou": "ou iou", "hao": "ao iao",
    "han": "an ian uan üan", "hen": "en in uen ün", "tang": "ang iang uang", "geng": "eng ing ueng",
    "dong": "ong iong",
}  # fmt: skip
"""The finer rhyme groups -> their finals."""

HUM = "en"  # final of the five characters that are read without a vowel, such as 嗯

_ZHE = {final: group for group, finals in THIRTEEN.items() for final in finals.split()}
_XINYUN = {final: group for group, finals in EIGHTEEN.items() for final in finals.split()}
_HAN = re.compile("[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")


class Reading(NamedTuple):
    """A character as it is read in its line.

    initial: '' where there is none; final: in full, such as 'iou' in liu, '-i' in zhi; tone: 1..4, 5 neutral;
    group: of THIRTEEN; rhyme: of EIGHTEEN; level: tone 1 or 2.
    """

    char: str
    initial: str
    final: str
    tone: int
    group: str
    rhyme: str
    level: bool


def read(line: str) -> list[Reading]:
    """The Chinese characters of a line, each as read there; other signs are left out.

    UsageError for a character without a known reading.
    """
    return [reading for run in _HAN.findall(line) for reading in _read(run)]


def count(line: str) -> int:
    """Syllables of a line: its Chinese characters."""
    return sum(len(run) for run in _HAN.findall(line))


def rhyme_group(char: str) -> str:
    """The group of the 13 that a character belongs to when it stands alone. UsageError for anything else."""
    readings = read(char)
    if len(readings) != 1:
        raise UsageError(f"{char!r}: give one Chinese character")
    return readings[0].group


def kind(a: Reading, b: Reading) -> str:
    """'identity' (one syllable, whatever its tone), 'perfect' (one of 18 groups), 'family' (one of 13) or 'none'."""
    if (a.initial, a.final) == (b.initial, b.final):
        return "identity"
    return "perfect" if a.rhyme == b.rhyme else "family" if a.group == b.group else "none"


def rhymes(a: Reading, b: Reading) -> bool:
    """One of the 13 groups, and not the same character."""
    return a.group == b.group and a.char != b.char


@lru_cache(4096)
def _read(run: str) -> tuple[Reading, ...]:
    """Readings of Chinese characters alone."""
    plain = "".join(_simple(char) for char in run)
    unknown = next((char for char, simple in zip(run, plain, strict=True) if ord(simple) not in PINYIN_DICT), None)
    if unknown:
        raise UsageError(f"no reading is known for {unknown!r}: write the line with another character")
    initials = pinyin(plain, style=Style.INITIALS, strict=True)
    finals = pinyin(plain, style=Style.FINALS_TONE3, strict=True, neutral_tone_with_five=True, v_to_u=True)
    return tuple(_reading(char, *a, *b) for char, a, b in zip(run, initials, finals, strict=True))


def _reading(char: str, initial: str, spelled: str) -> Reading:
    final, tone = spelled[:-1] or HUM, spelled[-1:] or "2"
    if final == "i" and initial in ("zh", "ch", "sh", "r", "z", "c", "s"):
        final = "-i"
    return Reading(char, initial, final, int(tone), _ZHE[final], _XINYUN[final], tone in "12")


@cache
def _simple(char: str) -> str:
    """The simplified form of a character, where its reading is known."""
    simple: str = _converter().convert(char)
    return simple if len(simple) == 1 and ord(simple) in PINYIN_DICT else char


@cache
def _converter() -> OpenCC:
    return OpenCC("t2s")
