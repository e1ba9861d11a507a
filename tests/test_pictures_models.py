"""The two painters: pictures in, laws of the measures, training that goes on, torch and onnxruntime alike."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aigc_music.core.errors import FileError, ModelError, UsageError
from models.pictures.dataset import CLASSES, PictureSet, class_index
from models.pictures.distance import hashes, nearest, pyramid, sliced_wasserstein, thumbnails
from models.pictures.sample import Painter
from models.pictures.sketch import Sketcher, edges, grid_of, spread

DATA = os.environ.get("AIGC_MUSIC_DATA")
FOLDERS = [folder for group in CLASSES.values() for folder in group]


def blots(rng: np.random.Generator, n: int, side: int, tint: int = 0) -> np.ndarray:
    """(n, side, side, 3) coloured noise, coarse and fine; `tint` shifts a colour."""
    whole = np.full((n, side, side, 3), 20)
    whole[..., tint % 3] += 50
    for block, most in ((8, 120), (1, 30)):
        noise = rng.integers(0, most, (n, side // block, side // block, 3))
        whole += noise.repeat(block, 1).repeat(block, 2)
    return whole.astype(np.uint8)


@pytest.fixture(scope="module")
def picture_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set in the form of the real one: five train and two valid pictures a folder."""
    path = tmp_path_factory.mktemp("set") / "images_art256.zip"
    rng = np.random.default_rng(0)
    names: dict[str, list[str]] = {"train": [], "valid": []}
    with zipfile.ZipFile(path, "w") as archive:
        for tint, folder in enumerate(FOLDERS):
            for at, pixels in enumerate(blots(rng, 7, 64, tint)):
                names["train" if at < 5 else "valid"].append(f"{folder}/{at}.jpg")
                blob = io.BytesIO()
                Image.fromarray(pixels).save(blob, "JPEG", quality=95)
                archive.writestr(f"images/{folder}/{at}.jpg", blob.getvalue())
        for split, listed in names.items():
            archive.writestr(f"splits/{split}.txt", "\n".join(listed) + "\n")
    return path


# the set


def test_the_set_is_read_by_class(picture_zip: Path) -> None:
    train = PictureSet.load(picture_zip.parent, "train", 36)
    assert train.pixels.shape == (5 * len(FOLDERS), 36, 36, 3)
    assert np.bincount(train.labels).tolist() == [5 * len(folders) for folders in CLASSES.values()]
    assert train.weights(0.0) == pytest.approx(np.full(len(CLASSES), 1 / len(CLASSES)))
    assert train.weights(1.0) == pytest.approx(np.bincount(train.labels) / len(train.labels))
    labels = np.array([0, 4, 2])
    cuts = train.draw(np.random.default_rng(1), labels, 32)
    assert cuts.shape == (3, 32, 32, 3)
    assert np.array_equal(cuts, train.draw(np.random.default_rng(1), labels, 32))
    with pytest.raises(UsageError, match="load them larger"):
        train.draw(np.random.default_rng(1), labels, 64)


def test_what_is_no_set_is_refused(tmp_path: Path, picture_zip: Path) -> None:
    with pytest.raises(FileError, match=r"images_art256\.zip"):
        PictureSet.load(tmp_path, "train", 36)
    broken = tmp_path / "images_art256.zip"
    broken.write_bytes(picture_zip.read_bytes()[:-200])
    with pytest.raises(FileError, match="not a readable set"):
        PictureSet.load(tmp_path, "train", 36)
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("splits/train.txt", "birds/1.jpg\n")
        archive.writestr("images/birds/1.jpg", b"no picture")
    with pytest.raises(FileError, match="not a readable set"):
        PictureSet.load(tmp_path, "train", 36)


def test_classes_by_name() -> None:
    assert class_index("Engraving") == 3
    with pytest.raises(UsageError, match="landscape"):
        class_index("landscap")


# laws of the measures


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 5), st.integers(2, 5))
def test_sliced_wasserstein_is_a_distance(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = blots(rng, n, 32), blots(rng, m, 32, 1)
    assert sliced_wasserstein(a, a)["mean"] == 0
    there, back = sliced_wasserstein(a, b), sliced_wasserstein(b, a)
    assert there == pytest.approx(back, rel=1e-4)
    assert there["mean"] > 0
    assert set(there) == {"32", "16", "mean"}


def test_sliced_wasserstein_grows_with_a_shift() -> None:
    a = blots(np.random.default_rng(3), 6, 32)
    distances = [sliced_wasserstein(a, a + np.uint8(shift))["mean"] for shift in (5, 10, 20, 30)]
    assert distances == sorted(distances)
    with pytest.raises(UsageError, match="one size"):
        sliced_wasserstein(a, a[:, :16, :16])


def test_a_pyramid_adds_up_to_its_picture() -> None:
    pictures = blots(np.random.default_rng(4), 2, 64)
    whole = np.zeros((2, 16, 16, 3))
    for level in reversed(pyramid(pictures)):
        if level.shape[1] > whole.shape[1]:
            whole = whole.repeat(2, 1).repeat(2, 2)
        whole = whole + level
    assert np.abs(whole * 255 - pictures).max() < 1e-3


def test_a_copy_is_found() -> None:
    rng = np.random.default_rng(5)
    known = blots(rng, 12, 64)
    copies = known[[7, 2]].astype(np.int16) + rng.integers(-6, 7, (2, 64, 64, 3))
    copies = np.clip(copies, 0, 255).astype(np.uint8)
    for describe in (thumbnails, hashes):
        gaps, which = nearest(describe(copies), describe(known))
        others, _ = nearest(describe(known[:2]), describe(known[2:]))
        assert which.tolist() == [7, 2]
        assert gaps.max() < others.min() / 3


# sketches


def test_palettes_spread_and_gather() -> None:
    palettes = np.random.default_rng(6).random((2, 4, 4, 3)).astype(np.float32)
    field = spread(palettes, 64, 48)
    assert field.shape == (2, 64, 48, 3)
    assert field.min() >= palettes.min() and field.max() <= palettes.max() + 1e-6
    plain = np.full((1, 4, 4, 3), 0.25, np.float32)
    assert spread(plain, 33, 21) == pytest.approx(np.full((1, 33, 21, 3), 0.25))
    tiles = np.rint(palettes * 255).astype(np.uint8).repeat(8, 1).repeat(8, 2)
    assert grid_of(tiles) == pytest.approx(palettes, abs=1 / 255)


def test_edges_are_where_the_brightness_changes() -> None:
    picture = np.zeros((1, 16, 16, 3), np.uint8)
    assert edges(picture).max() == 0
    picture[:, :, 8:] = 255
    lines = edges(picture)[0]
    assert (lines[:, 7:9] == 1).all() and lines[:, :7].max() == lines[:, 9:].max() == 0


# training


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The training module with tiny batches, and the slopes looked at every other step."""
    pytest.importorskip("torch")
    from models.pictures import train

    monkeypatch.setattr(train, "BATCH", 2)
    monkeypatch.setattr(train, "WARM_BATCH", 2)
    monkeypatch.setattr(train, "LAZY", 2)
    return train


def stop_at(step: int) -> Callable[[float, str, float], None]:
    def report(done: float, text: str, left: float) -> None:
        assert 0 < done <= 1 and left >= 0
        if text.startswith(f"step {step},"):
            raise KeyboardInterrupt

    return report


def same(one: Any, other: Any) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and bool((x == y).all()) for (a, x), (b, y) in pairs)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(small: Any, picture_zip: Path, tmp_path: Path) -> None:
    straight = small.train(picture_zip, tmp_path / "a", minutes=None, steps=5, size=32)
    with pytest.raises(KeyboardInterrupt):
        small.train(picture_zip, tmp_path / "b", minutes=None, steps=5, size=32, report=stop_at(2))
    resumed = small.train(picture_zip, tmp_path / "b", minutes=None, steps=5, size=32)
    assert straight.step == resumed.step == 5
    for name, network in straight.networks.items():
        assert same(network, resumed.networks[name]), name
        assert all(bool(tensor.isfinite().all()) for tensor in network.state_dict().values()), name
    assert same(straight.average, resumed.average)
    assert not same(straight.average, straight.networks["generator"])
    assert sorted(path.name for path in (tmp_path / "b" / "progress").iterdir()) == ["000002.png", "000005.png"]
    with pytest.raises(ModelError, match="another folder"):
        small.train(picture_zip, tmp_path / "b", minutes=None, steps=12, size=32, seed=9)
    (tmp_path / "b" / "checkpoint.safetensors").write_bytes(b"x" * 50)
    with pytest.raises(ModelError, match="damaged"):
        small.train(picture_zip, tmp_path / "b", minutes=None, steps=12, size=32)


def test_lengths_and_sizes_are_checked(small: Any, picture_zip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="32, 64, 128, 256"):
        small.train(picture_zip, tmp_path, size=100)
    with pytest.raises(UsageError, match="an end"):
        small.train(picture_zip, tmp_path, minutes=None)
    assert [small.size_at(done, 128) for done in (0.0, 0.34, 0.36, 0.76, 1.0)] == [32, 32, 64, 128, 128]
    assert all(sum(shares.values()) == pytest.approx(1) for shares in small.GROWTH.values())


def test_a_new_size_starts_from_what_is_learned() -> None:
    torch = pytest.importorskip("torch")
    from models.pictures.networks import LATENT, Discriminator, Generator

    torch.manual_seed(0)
    generator, critic = Generator(64).eval(), Discriminator(64)
    latents, classes = torch.randn(3, LATENT), torch.tensor([0, 1, 4])
    with torch.no_grad():
        small, large = generator(latents, classes, 32), generator(latents, classes, 64)
        enlarged = torch.nn.functional.interpolate(small, scale_factor=2.0, mode="nearest")
        assert large.shape == (3, 3, 64, 64)
        assert (torch.nn.functional.avg_pool2d(large, 2) - small).abs().max() < 0.2
        assert critic(enlarged, classes) == pytest.approx(critic(small, classes), abs=1e-5)


def test_slopes_of_a_plain_sum_are_known() -> None:
    torch = pytest.importorskip("torch")
    from models.pictures.train import slopes

    pictures = torch.randn(4, 3, 8, 8, requires_grad=True)
    assert slopes((3 * pictures).sum((1, 2, 3)), pictures).item() == pytest.approx(9 * 3 * 64)


def test_changes_are_repeatable_and_let_gradients_through() -> None:
    torch = pytest.importorskip("torch")
    from models.pictures.train_augment import augment

    pictures = torch.rand(6, 3, 32, 32, requires_grad=True)
    one, two, other = (augment(pictures, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert one.shape == pictures.shape
    assert bool((one == two).all()) and not bool((one == other).all())
    one.sum().backward()
    assert pictures.grad is not None and bool((pictures.grad != 0).any(1).any(1).any(1).all())


# torch and onnxruntime


@pytest.fixture(scope="module")
def painter_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained painter of 32 px as the exporter writes it; its checkpoint is beside it."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from models.pictures.train import new_state
    from models.pictures.train_export import export

    folder = tmp_path_factory.mktemp("painter")
    torch.set_num_threads(1)
    state = new_state(32, 1, "cpu")
    state.write(folder)
    return export(folder, folder / "zoo")


def test_onnxruntime_paints_what_torch_paints(painter_folder: Path) -> None:
    torch = pytest.importorskip("torch")
    from models.pictures.train import new_state

    painter = Painter.load(str(painter_folder))
    classes = ["city", "nature", "landscape"]
    latents = painter.latents(np.random.default_rng(2), 3)
    state = new_state(32, 1, "cpu")
    state.read(painter_folder.parent)
    with torch.no_grad():
        numbers = torch.tensor([class_index(name) for name in classes])
        theirs = state.average(torch.from_numpy(latents), numbers).numpy().transpose(0, 2, 3, 1)
    ours = painter.paint(classes, latents=latents, truncation=1.0)
    assert ours.std() > 1
    assert np.abs(ours / 127.5 - 1 - theirs).max() < 0.03


def test_a_seed_means_its_pictures(painter_folder: Path) -> None:
    painter = Painter.load(str(painter_folder))
    one = painter.paint(["city", "city"], seed=4)
    assert one.shape == (2, 32, 32, 3) and one.dtype == np.uint8
    assert np.array_equal(one, Painter.load(str(painter_folder)).paint(["city", "city"], seed=4))
    assert not np.array_equal(one, painter.paint(["city", "city"], seed=5))
    latents = painter.latents(np.random.default_rng(4), 2)
    assert np.array_equal(one[1:], painter.paint(["city"], latents=latents[1:]))
    middle = painter.paint(["city", "city", "nature"], seed=4, truncation=0.0)
    assert np.array_equal(middle[0], middle[1]) and not np.array_equal(middle[0], middle[2])


def test_wrong_wishes_are_refused(painter_folder: Path) -> None:
    painter = Painter.load(str(painter_folder))
    with pytest.raises(UsageError, match="Did you mean 'engraving'"):
        painter.paint(["engravin"], seed=1)
    with pytest.raises(UsageError, match="latents of shape"):
        painter.paint(["city"], latents=np.zeros((2, 128), np.float32))
    with pytest.raises(UsageError, match="either a seed or latents"):
        painter.paint(["city"])
    with pytest.raises(UsageError, match="truncation"):
        painter.paint(["city"], seed=1, truncation=2.0)


def test_damaged_models_are_refused(painter_folder: Path, tmp_path: Path) -> None:
    blob = (painter_folder / "generator.onnx").read_bytes()
    card = json.loads((painter_folder / "card.json").read_text("utf-8"))
    with pytest.raises(ModelError, match="no readable model"):
        Painter.load("no such model")
    (tmp_path / "generator.onnx").write_bytes(blob[:-1] + bytes([blob[-1] ^ 1]))
    (tmp_path / "card.json").write_text(json.dumps(card), "utf-8")
    with pytest.raises(ModelError, match="sha256"):
        Painter.load(str(tmp_path))
    from models.pictures.onnx_folder import write_network

    write_network(tmp_path, b"not a network", card)
    with pytest.raises(ModelError, match="onnxruntime"):
        Painter.load(str(tmp_path))
    write_network(tmp_path, blob, card | {"config": {}})
    with pytest.raises(ModelError, match="card"):
        Painter.load(str(tmp_path))
    with pytest.raises(ModelError, match="pictures_sketch"):
        Sketcher.load(str(painter_folder))


def test_the_sketch_painter_learns_goes_on_and_serves(
    picture_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from models.pictures import train_sketch
    from models.pictures.sketch import given as condition
    from models.pictures.train_export import export

    monkeypatch.setattr(train_sketch, "BATCH", 2)
    monkeypatch.setattr(train_sketch, "SIZE", 32)
    straight = train_sketch.train_sketch(picture_zip, tmp_path / "a", minutes=None, steps=3)
    with pytest.raises(KeyboardInterrupt):
        train_sketch.train_sketch(picture_zip, tmp_path / "b", minutes=None, steps=3, report=stop_at(1))
    resumed = train_sketch.train_sketch(picture_zip, tmp_path / "b", minutes=None, steps=3)
    assert same(straight.average, resumed.average) and same(straight.networks["critic"], resumed.networks["critic"])

    sketcher = Sketcher.load(str(export(tmp_path / "a", tmp_path / "zoo")))
    rng = np.random.default_rng(8)
    sketch, palette = rng.random((48, 32)).astype(np.float32), rng.random((4, 4, 3)).astype(np.float32)
    picture = sketcher.paint(sketch, palette)
    assert np.array_equal(picture, sketcher.paint(sketch, palette))
    with torch.no_grad():
        theirs = straight.average(torch.from_numpy(condition(sketch[None], palette[None])))[0]
    assert np.abs(picture / 127.5 - 1 - theirs.numpy().transpose(1, 2, 0)).max() < 0.03
    assert sketcher.paint(sketch[:41, :23], palette).shape == (41, 23, 3)
    for wrong in (sketch[:8], sketch * 2, sketch[..., None], np.full((32, 32), np.nan)):
        with pytest.raises(UsageError, match="sketch"):
            sketcher.paint(wrong, palette)
    with pytest.raises(UsageError, match="palette"):
        sketcher.paint(sketch, palette[:3])


# figures and sheets


def test_figures_and_sheets_of_an_untrained_painter(
    picture_zip: Path, painter_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.pictures import evaluate, sheets

    monkeypatch.setattr(evaluate, "PAINTED", 30)
    figures = evaluate.evaluate(picture_zip, str(painter_folder))
    assert json.loads(json.dumps(figures)) == figures
    everything = figures["likeness"]["all"]
    assert everything["painted"]["mean"] > 2 * everything["unseen"]["mean"]
    assert set(figures["variety"]) == set(CLASSES)
    made = sheets.write_sheets(tmp_path, str(painter_folder))
    assert [path.name for path in made] == ["painted.jpg"]
    with Image.open(made[0]) as sheet:
        assert sheet.size == (8 * 32, len(CLASSES) * 32)


def test_painting_training_pictures_is_called_copying() -> None:
    from models.pictures.evaluate import copying

    rng = np.random.default_rng(9)
    train, valid = blots(rng, 40, 32), blots(rng, 40, 32)
    assert copying(train[:20, :, ::-1], train, valid)["thumbnail"]["nearer"] == 1
    assert copying(blots(rng, 40, 32), train, valid)["thumbnail"]["nearer"] < 0.3


@pytest.mark.parametrize("name", ["pictures", "pictures_sketch"])
def test_the_shipped_models_are_small_and_say_what_they_are(name: str) -> None:
    folder = Path(__file__).parent.parent / "models" / "zoo" / name
    card = json.loads((folder / "card.json").read_text("utf-8"))
    assert (folder / "generator.onnx").stat().st_size < 15e6
    assert {"description", "data", "metrics", "limits", "parameters", "sha256"} <= set(card)
    assert (Painter if name == "pictures" else Sketcher).load(name).card == card


@pytest.mark.skipif(not DATA, reason="AIGC_MUSIC_DATA is not set")
def test_the_shipped_painter_is_as_good_as_its_card_says() -> None:
    from models.pictures.evaluate import evaluate

    card = Painter.load().card
    figures = evaluate(Path(str(DATA)))
    mine, told = figures["likeness"]["all"]["painted"]["mean"], card["metrics"]["likeness"]["all"]["painted"]["mean"]
    assert mine == pytest.approx(told, rel=0.05)
    assert figures["copying"]["thumbnail"]["nearer"] <= card["metrics"]["copying"]["thumbnail"]["nearer"] + 0.05
