"""How words sound: reading English from its spelling, syllables and cuts, rhyme, Chinese tones and rhyme groups."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.core.errors import FileError, ModelError, UsageError
from models.tensors import write_folder
from models.words.speech import chinese, english, rhyme
from models.words.speech.alignment import align
from models.words.speech.dictionary import ALPHABET, held_out, read_dictionary
from models.words.speech.english import Pronunciation, count, pronounce, split, words_of
from models.words.speech.measure import measure
from models.words.speech.reader import Reader, likeliest, shapes, shipped
from models.words.speech.spelling import cardinal, parts_of
from models.words.speech.syllables import cuts
from models.words.speech.verse import SETS, quatrains, rhyming

DATA = os.environ.get("AIGC_MUSIC_DATA")
with_data = pytest.mark.skipif(not DATA, reason="AIGC_MUSIC_DATA names no folder of data sets")

VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"
CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH"
PHONES = set(CONSONANTS.split()) | {vowel + digit for vowel in VOWELS.split() for digit in "012"}


def sound(phones: str) -> Pronunciation:
    return Pronunciation(tuple(phones.split()))


# reading English


@pytest.mark.parametrize(
    ("word", "stress"),
    [
        ("harbour", (1, 0)), ("rhythm", (1, 0)), ("fire", (1, 0)), ("beautiful", (1, 0, 0)), ("tonight", (0, 1)),
        ("neon", (1, 0)), ("melody", (1, 0, 0)), ("remember", (0, 1, 0)), ("guitar", (0, 1)), ("light", (1,)),
        ("love", (1,)), ("forever", (0, 1, 0)), ("summer", (1, 0)), ("dancing", (1, 0)), ("heartbreak", (1, 2)),
    ],
)  # fmt: skip
def test_reads_common_words(word: str, stress: tuple[int, ...]) -> None:
    assert pronounce(word).stress == stress


@pytest.mark.parametrize(
    ("one", "other"),
    [("night", "light"), ("you", "blue"), ("one", "sun"), ("eyes", "skies"), ("there", "air"), ("heart", "start"),
     ("through", "true"), ("said", "red"), ("pain", "rain"), ("tonight", "light")],
)  # fmt: skip
def test_hears_rhymes_that_are_spelled_unlike(one: str, other: str) -> None:
    assert rhyme.kind(pronounce(one), pronounce(other)) == "perfect"


@pytest.mark.parametrize(("one", "other"), [("love", "move"), ("good", "food"), ("cough", "though"), ("moon", "sun")])
def test_is_not_fooled_by_spelling(one: str, other: str) -> None:
    assert not rhyme.rhymes(pronounce(one), pronounce(other))


@settings(deadline=None)
@given(st.text(st.sampled_from(ALPHABET + "ABCÉßæñ-’ 7"), min_size=1, max_size=14))
def test_what_is_read_is_speech_and_what_is_cut_spells_the_word(word: str) -> None:
    try:
        read = pronounce(word)
    except UsageError:
        assert not any(sign.isalnum() for sign in word)
        return
    assert set(read.phones) <= PHONES
    assert read.stress.count(1) + sum(part.letters == "a" for part in parts_of(word)) == len(parts_of(word))
    ending = tuple(phone.rstrip("012") for phone in read.phones[-len(read.onset + read.rhyme) :])
    assert ending == read.onset + read.rhyme
    pieces = split(word)
    assert "".join(pieces) == word
    assert len(pieces) == read.syllables
    assert all(pieces) or len(word) < read.syllables


def test_a_line() -> None:
    line = "“Don’t stop,” she said — 'cause it's rock-n-roll in 1999, R&B!"
    assert words_of(line) == [
        "Don’t",
        "stop",
        "she",
        "said",
        "'cause",
        "it's",
        "rock-n-roll",
        "in",
        "1999",
        "R",
        "&",
        "B",
    ]
    assert words_of(" ... ") == []
    assert count("the harbour light") == 4


def test_cuts_a_word_as_it_is_written() -> None:
    assert split("Harbour,") == ("Har", "bour,")
    assert split("“Tonight!”") == ("“To", "night!”")
    assert split("rock-roll") == ("rock-", "roll")
    assert split("7") == ("7", "")


def test_unreadable_words_say_why() -> None:
    with pytest.raises(UsageError, match="'Ж' in 'Жar'"):
        pronounce("Жar")
    with pytest.raises(UsageError, match=r"nothing to pronounce in '\.\.\.'"):
        pronounce("...")


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("21", "twenty one"), ("105", "one hundred five"), ("1999", "nineteen ninety nine"),
        ("1905", "nineteen o five"), ("2000", "two thousand"), ("1,000,000", "one million"),
        ("007", "zero zero seven"), ("2nd", "second"),
        ("20th", "twentieth"), ("80s", "eighties"), ("4ever", "four ever"), ("DJ", "d j"), ("R&B", "r and b"),
        ("café", "cafe"),
        ("Straße", "strasse"), ("'hello'", "hello"), ("goin’", "goin'"),
        ("rock-n-roll", "rock n roll"),
    ],
)  # fmt: skip
def test_spells_out(written: str, spoken: str) -> None:
    parts = parts_of(written)
    assert " ".join(part.letters for part in parts) == spoken
    owners = [owner for part in parts for owner in part.owners]
    assert owners == sorted(owners)
    assert all(0 <= owner < len(written) for owner in owners)


@given(st.integers(0, 999_999_999))
def test_numbers_can_be_read_back(number: int) -> None:
    values = {name: at for at, name in enumerate(" ".join(cardinal(n)[0] for n in range(20)).split())}
    values |= {cardinal(ten)[0]: ten for ten in range(20, 100, 10)}
    total = group = 0
    for word in cardinal(number):
        if word == "hundred":
            group *= 100
        elif word in ("thousand", "million"):
            total, group = total + group * {"thousand": 1000, "million": 10**6}[word], 0
        else:
            group += values[word]
    assert total + group == number


CHUNKS = {
    "hap-py": "HH AE1 P - IY0", "nev-er": "N EH1 V - ER0", "moth-er": "M AH1 DH - - ER0",
    "sing-ing": "S IH1 NG - IH0 NG -", "mon-ster": "M AA1 N S T ER0 -", "beau-ti-ful": "B - - Y_UW1 T AH0 F AH0 L",
    "har-bour": "HH AA1 R B - - ER0", "mon-ey": "M AH1 N - IY0", "na-tion": "N EY1 SH - AH0 N",
    "box-es": "B AA1 K_S IH0 Z", "mil-lion": "M IH1 - L Y AH0 N", "play-ground": "P L EY1 - G R AW1 - N D",
    "lone-ly": "L OW1 N - L IY0", "cre-ate": "K R IY0 EY1 T -", "hel-lo": "HH - AH0_L - OW1",
    "flow-er": "F L AW1 - - ER0",
}  # fmt: skip


@pytest.mark.parametrize(("wanted", "phones"), CHUNKS.items())
def test_cuts_where_a_printer_does(wanted: str, phones: str) -> None:
    word = wanted.replace("-", "")
    chunks = [() if chunk == "-" else tuple(chunk.split("_")) for chunk in phones.split()]
    edges = [0, *cuts(word, chunks), len(word)]
    assert "-".join(word[a:b] for a, b in pairwise(edges)) == wanted


# rhyme

NIGHT, LIGHT, SIDE, KNIGHT, TIME = (sound(p) for p in ("N AY1 T", "L AY1 T", "S AY1 D", "N AY1 T", "T AY1 M"))


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ("N AY1 T", "L AY1 T", "perfect"), ("N AY1 T", "N AY1 T", "identity"), ("N AY1 T", "L AY1 K", "family"),
        ("N AY1 T", "T AY1 M", "assonance"), ("N AY1 T", "M UW1 N", "none"), ("T AH0 N AY1 T", "N AY1 T", "identity"),
        ("D EY1", "W EY1 Z", "family"), ("N AY1 T S", "L AY1 T", "family"), ("AO1 L", "F AO1 L", "perfect"),
        ("IH0 T ER1 N AH0 T IY0", "S IY1", "family"), ("M EH1 L AH0 D IY0", "M EH1 M ER0 IY0", "family"),
        ("HH AE1 P IY0", "S IY1", "none"), ("F AY1 ER0", "D IH0 Z AY1 ER0", "perfect"),
        ("TH IH1 NG", "W IH1 N", "family"),
    ],
)  # fmt: skip
def test_kinds_of_rhyme(a: str, b: str, wanted: str) -> None:
    assert rhyme.kind(sound(a), sound(b)) == rhyme.kind(sound(b), sound(a)) == wanted
    assert rhyme.rhymes(sound(a), sound(b)) is (wanted in ("perfect", "family"))


def test_a_rhyme_begins_at_the_last_stressed_vowel() -> None:
    assert sound("HH AA1 R B ER0").rhyme == ("AA", "R", "B", "ER")
    assert sound("HH ER1 AH0 K EY2 N").rhyme == ("EY", "N")
    assert sound("HH ER1 AH0 K EY2 N").onset == ("K",)
    assert sound("DH AH0").rhyme == ("AH",)


TOWN = """I left the harbour in the rain
And never saw the town again,
The engine hummed a quiet tune
Below a thin and yellow moon.""".splitlines()
SNOW = """The snow is on the roof tonight
The wind has lost its way,
I keep a lamp for travellers
Until the break of day.""".splitlines()


@pytest.mark.parametrize(
    ("lines", "wanted"), [(TOWN, "AABB"), ([TOWN[0], TOWN[2], TOWN[1], TOWN[3]], "ABAB"), (SNOW, "ABCB")]
)
def test_finds_and_checks_a_scheme(lines: Sequence[str], wanted: str) -> None:
    assert rhyme.scheme(lines) == wanted
    assert rhyme.keeps(lines, wanted) == [True] * 4
    assert rhyme.keeps(SNOW, "AAAA") == [False, True, False, True]


def test_repetition_is_no_rhyme() -> None:
    lines = ["Carry me home", "Carry me home", "- - -", "I used to roam"]
    assert rhyme.keeps(lines[:2], "AA") == [False, False]
    assert rhyme.keeps(lines[:2], "--") == [True, True]
    assert rhyme.keeps([*lines[:2], lines[3]], "AAA") == [True, True, True]
    assert rhyme.keeps([lines[0], lines[2]], "AA") == [False, False]
    assert rhyme.keeps([*lines[:2], *lines[:2]], "AB") == [True] * 4  # two stanzas of two lines
    with pytest.raises(UsageError, match="scheme is empty"):
        rhyme.keeps(lines, "")
    with pytest.raises(UsageError, match="unknown language"):
        rhyme.scheme(lines, "xx")


def test_classes_agree_with_rhymes() -> None:
    words = ("night", "light", "side", "day", "way", "days", "moon", "tune", "heart")
    for family in (False, True):
        found = rhyme.classes(words, family=family)
        for a, one in zip(words, found, strict=True):
            for b, other in zip(words, found, strict=True):
                kinds = ("identity", "perfect", "family") if family else ("identity", "perfect")
                assert (one == other) is (rhyme.kind(pronounce(a), pronounce(b)) in kinds)


# Chinese


@pytest.mark.parametrize("line", ["银行里行走，长大长久", "銀行裏行走，長大長久"])
def test_reads_characters_by_their_phrase(line: str) -> None:
    readings = chinese.read(line)
    assert "".join(reading.char for reading in readings) == line.replace("，", "")
    assert [(r.initial + r.final, r.tone) for r in readings] == [
        ("in", 2), ("hang", 2), ("li", 3), ("xing", 2), ("zou", 3), ("zhang", 3), ("da", 4), ("chang", 2),
        ("jiou", 3),
    ]  # fmt: skip
    assert [r.level for r in readings] == [True, True, False, True, False, False, False, True, False]
    assert chinese.count(line) == 9


def test_rhyme_groups() -> None:
    groups = {"花": "fahua", "歌": "suobo", "月": "miexie", "路": "guxu", "知": "yiqi", "雨": "yiqi", "来": "huailai",
              "飞": "huidui", "高": "yaotiao", "秋": "youqiu", "山": "yanqian", "春": "renchen", "光": "jiangyang",
              "風": "zhongdong"}  # fmt: skip
    assert {char: chinese.rhyme_group(char) for char in groups} == groups
    for table in (chinese.THIRTEEN, chinese.EIGHTEEN):
        finals = [final for row in table.values() for final in row.split()]
        assert len(finals) == len(set(finals))
        assert set(finals) == {final for row in chinese.THIRTEEN.values() for final in row.split()}
    assert (len(chinese.THIRTEEN), len(chinese.EIGHTEEN)) == (13, 18)
    with pytest.raises(UsageError, match="one Chinese character"):
        chinese.rhyme_group("风雨")


def test_chinese_rhymes() -> None:
    light, frost, up, east = (chinese.read(char)[0] for char in "光霜上东")
    assert chinese.kind(light, frost) == "perfect"
    assert chinese.rhymes(light, up)
    assert not chinese.rhymes(light, light)
    assert not chinese.rhymes(light, east)
    poem = ["床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"]
    assert rhyme.scheme(poem, "zh") == "AABA"
    assert rhyme.keeps(poem, "AABA", "zh") == [True] * 4
    assert rhyme.classes(["月光", "霜"], "zh")[0] == rhyme.classes(["月光", "霜"], "zh")[1]
    with pytest.raises(UsageError, match="no Chinese character"):
        rhyme.classes(["moon"], "zh")


# the network, its training, its figures

TINY = {"letters": len(ALPHABET), "embedding": 6, "hidden": 5, "layers": 2}
ROWS = "banana B AH0 N AE1 N AH0\nbanana(2) B AH0 N AA1 N AH0 # a remark\nbox B AA1 K S\nfee F IY1\nx.y. EH1 K S\n"


def small_dictionary(folder: Path) -> Path:
    path = folder / "small.dict"
    rows = [f"{a}a{b}o {a.upper()} AE1 {b.upper()} OW0\n" for a in "bdfgklmnprstvz" for b in "bdfgklmnprstvz"]
    path.write_text(ROWS + "".join(rows))
    return path


def test_reads_the_dictionary(tmp_path: Path) -> None:
    words = read_dictionary(small_dictionary(tmp_path))
    assert words["banana"] == [("B", "AH0", "N", "AE1", "N", "AH0"), ("B", "AH0", "N", "AA1", "N", "AH0")]
    assert "x.y." not in words
    assert 0 < sum(map(held_out, words)) < len(words) / 5
    with pytest.raises(FileError, match=r"none\.dict"):
        read_dictionary(tmp_path / "none.dict")


def test_aligns_letters_with_phones() -> None:
    pairs = [("fee", ("F", "IY1")), ("fox", ("F", "AA1", "K", "S")), ("ox", ("AA1", "K", "S")), ("be", ("B", "IY1")),
             ("x", ("EH1", "K", "S"))]  # fmt: skip
    found = align(pairs)
    assert found[1] == [("F",), ("AA1",), ("K", "S")]
    assert found[4] is None
    for (_, phones), chunks in zip(pairs[:4], found[:4], strict=True):
        assert chunks is not None
        assert tuple(phone for chunk in chunks for phone in chunk) == phones


def test_training_can_be_repeated_and_learns(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from models.words.speech.train import train

    dictionary, losses = small_dictionary(tmp_path), []
    for out in ("a", "b"):
        train(dictionary, tmp_path / out, steps=30, config=TINY, report=lambda done, what, left: losses.append(what))
    assert (tmp_path / "a" / "weights.safetensors").read_bytes() == (
        tmp_path / "b" / "weights.safetensors"
    ).read_bytes()
    first, last = (float(what.split()[2]) for what in (losses[0], losses[29]))
    assert last < first
    assert Reader.load(tmp_path / "a").read("bako")
    with pytest.raises(UsageError, match="minutes is 0"):
        train(dictionary, tmp_path / "c", 0)


def test_the_reader_computes_what_torch_does(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from models.words.speech.network import SpeechNetwork

    torch.manual_seed(1)
    config = {**TINY, "chunks": 4}
    network = SpeechNetwork(config).eval()
    tensors = {name: value.detach().numpy() for name, value in network.named_parameters()}
    tensors["pairs"] = np.zeros((4, 4), np.float32)
    reader = Reader(tensors, {"config": config, "alphabet": ALPHABET, "chunks": ["", "B", "AE1", "K S"]}, exact=True)
    for word in ("a", "harbour", "o'clock"):
        letters = torch.tensor([[ALPHABET.index(sign)] for sign in word])
        with torch.no_grad():
            np.testing.assert_allclose(reader.scores(word), network(letters)[:, 0].numpy(), atol=1e-5)
            np.testing.assert_allclose(network.train()(letters).numpy(), network.eval()(letters).numpy(), atol=1e-5)


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_the_likeliest_reading_is_found(letters: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    primary = np.array([False, True, False, True])
    scores, pairs = (rng.normal(0, 2, (n, 4)).astype(np.float32) for n in (letters, 4))
    found = likeliest(scores, pairs, primary)

    def worth(path: Sequence[int]) -> float:
        return float(sum(scores[t, c] for t, c in enumerate(path)) + sum(pairs[a, b] for a, b in pairwise(path)))

    allowed = [path for path in product(range(4), repeat=letters) if primary[list(path)].sum() == 1]
    assert primary[found].sum() == 1
    assert worth(found) >= max(map(worth, allowed)) - 1e-4


def test_damaged_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="install the package again"):
        Reader.load(tmp_path)
    config = {**TINY, "chunks": 3}
    tensors = {name: np.zeros(shape, np.float32) for name, shape in shapes(config).items()}
    write_folder(tmp_path, tensors, {"config": config, "alphabet": ALPHABET, "chunks": ["", "B"]})
    with pytest.raises(ModelError, match="differ in length"):
        Reader.load(tmp_path)


def test_figures_of_a_known_reading() -> None:
    class Fixed:
        def read(self, word: str) -> list[tuple[str, ...]]:
            return [("B", "AH1"), (), ("N", "AE0"), (), ("N",), ("AH0",)]

    right = [("B", "AH1", "N", "AE0", "N", "AH0")]
    figures = measure(Fixed(), {"banana": right})  # type: ignore[arg-type]
    assert figures["words"] == figures["syllables"] == figures["primary"] == 1
    assert figures["phone_errors"] == 0
    figures = measure(Fixed(), {"banana": [("B", "AH0", "N", "AE1", "N", "AH0")]})  # type: ignore[arg-type]
    assert (figures["syllables"], figures["stress"], figures["primary"], figures["words"]) == (1, 0, 0, 0)
    assert figures["words_without_stress"] == 1
    assert figures["phone_errors"] == pytest.approx(2 / 6, abs=1e-4)


@with_data
def test_the_card_tells_the_truth() -> None:
    """A thousand of the held-out words give the card's figures, within three standard errors."""
    assert DATA
    every = {w: v for w, v in read_dictionary(Path(DATA) / "cmudict.dict.gz").items() if held_out(w)}
    words = {word: every[word] for word in np.random.default_rng(1).choice(sorted(every), 1000, replace=False)}
    figures = measure(shipped(), words)
    card = json.loads((Path(english.__file__).parents[2] / "zoo" / "pronunciation" / "card.json").read_text("utf-8"))
    for name in ("syllables", "stress", "stressed", "primary", "words"):
        told = card["metrics"]["held_out"][name]
        assert figures[name] == pytest.approx(told, abs=3 * (told * (1 - told) / 1000) ** 0.5), name
    every_word, of_songs = card["metrics"]["held_out"], card["metrics"]["of_songs"]
    assert (every_word["syllables"] >= 0.955, every_word["primary"] >= 0.90) == (True, True)
    assert (of_songs["syllables"] >= 0.97, of_songs["stress"] >= 0.90) == (True, True)


@with_data
@pytest.mark.parametrize(("name", "least"), [("songs", 0.65), ("chinese", 0.7)])
def test_real_verse_rhymes_and_chance_does_not(name: str, least: float) -> None:
    assert DATA
    file, language = SETS[name]
    shares = rhyming(quatrains(Path(DATA) / file, language, 200), language)
    assert shares["real"] >= least
    assert shares["chance"] <= shares["real"] / 3
