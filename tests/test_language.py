"""Language models for words: text and tokens, the kernels against torch, training runs, originality, forms."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_music.core.errors import ModelError, UsageError
from models.words.language import corpus, forms, modern, ngram, originality, streams, text, vocabulary
from models.words.language.model import LanguageModel
from models.words.language.tiny import tiny_model

WORDS = [
    "the",
    "sea",
    "light",
    "home",
    "range",
    "on",
    "hill",
    "moon",
    "love",
    "you",
    "and",
    "me",
    "sing",
    "don't",
    "goin'",
    "harbour",
]
SIZE = {"embedding": 12, "hidden": 16, "layers": 2, "topics": 8}


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return tiny_model(WORDS)


@pytest.fixture(scope="module")
def own_texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(4)
    for song in range(14):
        stanzas = ["\n".join(" ".join(rng.choice(WORDS, 6)) for _ in range(6)) for _ in range(4)]
        (folder / f"song {song}.txt").write_text("\n\n".join(stanzas), encoding="utf-8")
    return folder


# -- text --------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([*WORDS, ","]), min_size=1, max_size=12), st.sampled_from(["", "?", "!"]))
def test_a_line_survives_the_way_to_tokens_and_back(words: list[str], mark: str) -> None:
    tokens = text.split(" ".join(words) + mark, "en")
    assert text.split(text.spell(tokens, "en"), "en") == tokens
    assert [token for token in tokens if token not in text.MARKS] == [word for word in words if word != ","]
    assert not tokens or (tokens[0] not in text.MARKS and tokens[-1] != ",")


def test_a_line_is_written_from_its_last_word_leftwards(model: LanguageModel) -> None:
    tokens = model.tokens("Home, home on the range!")
    assert [model.words[token] for token in tokens] == ["!", "range", "the", "on", "home", ",", "home", "<end>"]
    assert tokens[-1] == model.END
    assert model.line(tokens) == "Home, home on the range!"


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        ("'Tis the last--of “summer”, goin’ home’;", "'tis the last , of summer , goin' home"),
        ("1. Don’ t weep, [Illustration: x] Baròn—", "don't weep , baron"),
        ("‘O I cam’ by the well-known gate.’", "o i cam by the well known gate"),
        ("?! ... 12", ""),
    ],
)
def test_marks_quotes_and_notes(line: str, tokens: str) -> None:
    assert text.split(line, "en") == tokens.split()


def test_a_mark_ends_a_chinese_line() -> None:
    stanzas = text.stanzas_of("雲想衣裳花想容，春风拂槛露华浓。(其一)\n\n若非群玉山头见", "zh")
    assert [["".join(line) for line in stanza] for stanza in stanzas] == [
        ["云想衣裳花想容", "春风拂槛露华浓"],
        ["若非群玉山头见"],
    ]
    assert tiny_model(["云", "花"], "zh").line([5, 4, 1]) == "云花"


def test_old_words_are_told_from_modern_ones() -> None:
    assert [
        word for word in ("thee", "goeth", "lovest", "rest", "beneath", "sea", "know'st") if modern.is_old(word)
    ] == [
        "thee",
        "goeth",
        "lovest",
        "know'st",
    ]


# -- the model at play time --------------------------------------------------------------------------------------


def test_scores_are_log_probabilities_and_copies_go_on_alike(model: LanguageModel) -> None:
    hearing = model.hear(["harbour lights"], kind="song")
    for token in model.tokens("home on the range"):
        assert np.exp(hearing.scores()).sum() == pytest.approx(1.0, abs=1e-5)
        other = hearing.copy()
        hearing.hear(token)
        other.hear(token)
        assert np.array_equal(hearing.scores(), other.scores())
    before = hearing.scores().copy()
    hearing.copy().hear(model.END)
    assert np.array_equal(hearing.scores(), before)


def test_theme_and_kind_change_what_is_likely(model: LanguageModel) -> None:
    bare = model.hear().scores().copy()
    assert not np.allclose(model.hear(["sea"]).scores(), bare)
    assert not np.allclose(model.hear(kind="hymn").scores(), bare)
    assert np.array_equal(model.hear(["zzz"]).scores(), bare)


def test_near_is_one_for_the_theme_itself(model: LanguageModel) -> None:
    likeness = model.near(["harbours", "sea"], 4)
    assert likeness[[model.index["harbour"], model.index["sea"]]] == pytest.approx([1.0, 1.0], abs=1e-5)
    assert np.count_nonzero(likeness) <= 4
    assert (likeness >= 0).all()


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.hear(kind="opera"),
        lambda m: m.hear(tune="如梦令"),
        lambda m: m.hear().hear(10_000),
        lambda m: m.score(["", "?"]),
    ],
)
def test_what_the_model_does_not_know_is_named(model: LanguageModel, ask: object) -> None:
    with pytest.raises(UsageError):
        ask(model)  # type: ignore[operator]


def test_score_counts_words(model: LanguageModel) -> None:
    line = model.score(["home on the range"])
    assert 0 < line < 40
    assert model.score(["home on the range", "", "you and me"]) != line


# -- training ----------------------------------------------------------------------------------------------------


def test_kernels_agree_with_torch() -> None:
    torch = pytest.importorskip("torch")
    from models.words.language.network import LanguageNetwork

    torch.manual_seed(1)
    config = {"words": 20, "styles": 3, "embedding": 16, "hidden": 24, "layers": 2, "topics": 8}
    topics = torch.nn.functional.normalize(torch.randn(20, 8), dim=1)
    network = LanguageNetwork(config, topics).eval()
    tensors = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    words = [*text.SPECIALS, *WORDS]
    card = {"name": "parity", "kind": "words", "language": "en", "config": config}
    exact = LanguageModel(card, words, ["song", "hymn", "poem"], tensors, exact=True)
    rounded = LanguageModel(card, words, ["song", "hymn", "poem"], tensors)
    ids = [text.SPECIALS.index(text.PIECE), 7, 9, 1, 12, 2, 5]
    theme = torch.from_numpy(exact.theme(["sea", "love"])).expand(len(ids), 1, 8)
    styles = torch.tensor([1, -1]).expand(len(ids), 1, 2)
    states = torch.randn(2, 1, 24)  # PIECE makes it forget them
    with torch.no_grad():
        out, _ = network(torch.tensor(ids).unsqueeze(1), styles, theme, states)
        wanted = network.logits(out).log_softmax(-1).squeeze(1).numpy()
    for played, tolerance in ((exact, 2e-4), (rounded, 0.05)):
        hearing = played.hear(["sea", "love"], kind="hymn")
        for number, token in enumerate(ids[1:]):
            assert np.abs(hearing.scores() - wanted[number]).max() < tolerance
            hearing.hear(token)


def test_the_recurrence_has_the_gradients_of_torch() -> None:
    torch = pytest.importorskip("torch")
    from models.words.language.network import LanguageNetwork

    torch.manual_seed(2)
    config = {"words": 12, "styles": 2, "embedding": 8, "hidden": 10, "layers": 2, "topics": 4}
    network = LanguageNetwork(config, torch.randn(12, 4))
    piece = text.SPECIALS.index(text.PIECE)
    ids = torch.randint(4, 12, (9, 2))
    ids[0] = piece
    ids[5, 1] = piece
    styles, themes = torch.zeros(9, 2, 2, dtype=torch.long), torch.randn(9, 2, 4)
    styles[..., 1] = -1
    out, _ = network(ids, styles, themes, torch.randn(2, 2, 10))
    network.loss(out.flatten(0, 1), ids.flatten()).backward()
    mine = {name: value.grad.clone() for name, value in network.named_parameters() if value.grad is not None}
    network.zero_grad()
    x = network.words(ids) + network.styles(styles[..., 0]) + network.theme_in(themes)
    parts = [network.trunk(x[:, :1])[0], torch.cat([network.trunk(x[:5, 1:])[0], network.trunk(x[5:, 1:])[0]])]
    other = network.head(torch.cat(parts, 1)) + network.theme_out(themes)
    network.loss(other.flatten(0, 1), ids.flatten()).backward()
    assert torch.allclose(out, other, atol=1e-5)
    assert all(torch.allclose(mine[n], v.grad, atol=1e-5) for n, v in network.named_parameters() if n in mine)


def test_the_drawn_loss_is_near_the_whole_one() -> None:
    torch = pytest.importorskip("torch")
    from models.words.language.network import OFTEN, SOME, LanguageNetwork

    torch.manual_seed(3)
    size = OFTEN + 3 * SOME
    config = {"words": size, "styles": 1, "embedding": 8, "hidden": 4, "layers": 1, "topics": 4}
    network = LanguageNetwork(config, torch.zeros(size, 4))
    out, targets = torch.randn(64, 8), torch.randint(0, size, (64,))
    with torch.no_grad():
        whole = float(network.loss(out, targets))
        drawn = [float(network.loss(out, targets, torch.Generator().manual_seed(seed))) for seed in range(8)]
    assert np.mean(drawn) == pytest.approx(whole, abs=0.02)
    assert len(set(drawn)) == 8


def test_a_run_that_was_cut_off_gives_the_same_bytes(own_texts: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from models.words.language import train as training

    class CutError(Exception):
        pass

    def cut(progress: training.Progress) -> None:
        if progress.step == 4:
            raise CutError

    def model_of(run: str, **cut_off: object) -> bytes:
        training.train([own_texts], tmp_path / run, steps=7, seed=5, size=SIZE, **cut_off)  # type: ignore[arg-type]
        return (training.export(tmp_path / run, tmp_path / f"{run}-model", run) / "weights.safetensors").read_bytes()

    straight = model_of("straight")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(CutError):
        patch.setattr(training, "CHECKPOINT_SECONDS", -1.0)  # report comes before the save: step 4 is done again
        model_of("cut", report=cut)
    assert model_of("cut") == straight
    with pytest.raises(ModelError, match="other texts, seed or sizes"):
        training.train([own_texts], tmp_path / "cut", steps=8, seed=6, size=SIZE)

    model = LanguageModel.load(str(tmp_path / "straight-model"))
    assert set(WORDS) < set(model.words)
    assert model.kinds == tuple(corpus.KINDS["en"])
    weights = tmp_path / "straight-model" / "weights.safetensors"
    blob = bytearray(straight)
    blob[-1] ^= 1
    for damaged, content in (
        (weights, bytes(blob)),
        (weights.with_name("words.json"), b'{"words": "a", "styles": []}'),
    ):
        copy = tmp_path / damaged.stem
        copy.mkdir()
        for file in weights.parent.iterdir():
            (copy / file.name).write_bytes(content if file.name == damaged.name else file.read_bytes())
        with pytest.raises(ModelError, match="do not belong together"):
            LanguageModel.load(str(copy))


def test_rounds_read_pieces_as_often_as_they_weigh(own_texts: Path) -> None:
    pieces = corpus.read([own_texts], "en")
    words = vocabulary.choose_words(pieces, "en")
    coded = streams.code(pieces, words, list(corpus.KINDS["en"]), "en")
    drawn = streams.draw_round(coded, np.eye(len(words), 6, dtype=np.float32), np.random.default_rng(0))
    piece = text.SPECIALS.index(text.PIECE)
    assert np.count_nonzero(drawn.tokens == piece) == 3 * len(pieces)
    assert (np.diff(drawn.piece)[drawn.tokens[1:] == piece] == 1).all()


def test_vectors_put_words_of_one_place_together() -> None:
    rng = np.random.default_rng(0)
    halves = [rng.integers(0, 5, 40) + 5 * int(half) for half in rng.integers(0, 2, 100)]
    vectors = vocabulary.vectors(np.concatenate(halves).astype(np.int32), 10, 4, 3, 0)
    alike = vectors @ vectors.T
    assert alike[:5, :5].mean() > 0.5 + alike[:5, 5:].mean()


def test_trigrams_are_a_distribution() -> None:
    rng = np.random.default_rng(1)
    trigrams = ngram.Trigrams([rng.integers(0, 6, 30, dtype=np.int32) for _ in range(4)], 6)
    for a, b in ((0, 1), (5, 5), (2, 3)):
        chance = sum(2 ** -trigrams.bits(np.array([a, b, c], np.int32))[0] for c in range(6))
        assert chance == pytest.approx(1.0)


# -- originality -------------------------------------------------------------------------------------------------

SONG = "the evening train is leaving and the river turns to gold while every window carries home a story never told"


@pytest.fixture(scope="module")
def index() -> originality.Index:
    rng = np.random.default_rng(2)
    others = [[f"w{n}" for n in rng.integers(0, 400, 300)] for _ in range(20)]
    return originality.build([SONG.split(), *others], "en")


@given(start=st.integers(0, 8), length=st.integers(5, 12))
def test_a_training_phrase_is_found_with_its_length(index: originality.Index, start: int, length: int) -> None:
    phrase = SONG.split()[start : start + length]
    lines = [
        "Nobody asked me,",
        " ".join(phrase[: length // 2]).upper(),
        " ".join(phrase[length // 2 :]) + "!",
        "why so",
    ]
    assert index.longest_copied(lines) == (len(phrase), " ".join(phrase))
    assert index.copies(["nobody", *phrase, "why"]) == (len(phrase) >= 8)
    changed = [*phrase[: length // 2], "banana", *phrase[length // 2 + 1 :]]
    assert index.longest_copied([" ".join(changed)])[0] < length


def test_an_index_on_disk_is_the_same_and_damage_is_named(index: originality.Index, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text("{}")
    originality.save(index, tmp_path)
    again = originality.Index.load(str(tmp_path))
    assert again.longest_copied([SONG]) == (len(SONG.split()), SONG)
    assert again.false_positive < 0.05
    assert again.longest_copied(["too short"]) == (0, "")
    facts = json.loads((tmp_path / originality.FACTS_FILE).read_text())
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "card.json").write_text("{}")
    (bad / originality.INDEX_FILE).write_bytes((tmp_path / originality.INDEX_FILE).read_bytes())
    (bad / originality.FACTS_FILE).write_text(json.dumps(facts | {"sha256": "0"}))
    with pytest.raises(ModelError, match="do not belong together"):
        originality.Index.load(str(bad))


# -- the shipped models ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "line"), [("words-en", "I am coming home to you"), ("words-zh", "春风拂槛露华浓")])
def test_the_shipped_models_prefer_words_in_order(name: str, line: str) -> None:
    model = LanguageModel.load(name)
    words = text.split(line, model.language)
    turned = ("" if model.language == "zh" else " ").join(reversed(words))
    assert model.score([line]) < model.score([turned])
    near = model.near(["sea"] if model.language == "en" else ["酒"], 100)
    assert near[model.index["ship" if model.language == "en" else "杯"]] > 0


def test_the_forms_of_known_tunes() -> None:
    form = forms.form_of("如梦令")
    assert (form.lines, form.rhymes) == ((6, 6, 5, 6, 2, 2, 6), "AA.AAAA")
    assert forms.form_of("菩薩蠻").rhymes == "AABBCCDD"
    with pytest.raises(UsageError, match="no form for the tune"):
        forms.form_of("没有")
    for form in forms.forms().values():
        assert len(form.lines) == len(form.rhymes) == len(form.tones)
        assert tuple(len(tones) for tones in form.tones) == form.lines


@pytest.mark.skipif("AIGC_MUSIC_DATA" not in os.environ, reason="set AIGC_MUSIC_DATA to the folder of the data sets")
def test_the_index_knows_its_training_texts() -> None:
    index = originality.Index.load("words-en")
    pieces = corpus.read([Path(os.environ["AIGC_MUSIC_DATA"]) / "text_songs_en.jsonl.gz"], "en")
    for piece in [piece for piece in pieces if piece.split == "train"][::50]:
        words = [word for stanza in piece.stanzas for line in stanza for word in line if word not in text.MARKS]
        assert index.holds(words).all()
