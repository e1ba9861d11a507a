"""Covers by diffusion models: two families of tiny pipelines, made on the spot, through diffusers' own loading."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aigc_music.core.errors import MissingExtraError, ModelError, UsageError
from aigc_music.engine.job import Cancelled, Chunk, JobContext, Progress
from aigc_music.engine.requests import ImageRequest
from aigc_music.generators.cover.diffusion import DiffusionCover
from aigc_music.generators.cover.full import squared

from .tiny_peers import tiny_diffusion, tiny_flux

FAMILIES: dict[str, Callable[[Path], Path]] = {"stable diffusion": tiny_diffusion, "flux": tiny_flux}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    if find_spec("diffusers") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no diffusers: pip install -e '.[hub,test]'")
    return {name: make(tmp_path_factory.mktemp("pipeline")) for name, make in FAMILIES.items()}


@pytest.fixture(params=FAMILIES)
def folder(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Path:
    return folders[request.param]


@pytest.fixture
def one(folders: dict[str, Path]) -> Path:
    return folders["stable diffusion"]


def cover(folder: Path, **more: Any) -> DiffusionCover:
    wanted = {"title": "Harbour Lights", "artist": "Mara Vale", "seed": 3, "backend": "diffusers", "steps": 4,
              "model": str(folder), "size": (400, 400), "prompt": "a bay at night"}  # fmt: skip
    return DiffusionCover(ImageRequest(**wanted | more))


def picture(folder: Path, **more: Any) -> DiffusionCover:
    return cover(folder, **{"kind": "picture", "size": (80, 64)} | more)


def test_the_model_paints(folder: Path) -> None:
    events: list[Any] = []
    generator = picture(folder)
    painted = generator.generate(JobContext(3, events.append))
    assert painted.size == (80, 64) and painted.pixels.std() > 1
    previews = [event.value for event in events if isinstance(event, Chunk)]
    assert len(previews) == 2 and all(max(value.shape) <= 256 and value.dtype == np.uint8 for value in previews)
    done = [event.done for event in events if isinstance(event, Progress)]
    assert done == sorted(done)
    material = generator.materials()[0]
    assert material.role == "model" and material.sha256 is not None and len(material.sha256) == 64
    assert np.array_equal(picture(folder).generate(JobContext(3)).pixels, painted.pixels)
    assert not np.array_equal(picture(folder, seed=4).generate(JobContext(4)).pixels, painted.pixels)


def test_cancel_stops_after_the_step(folder: Path) -> None:
    steps: list[float] = []

    def say(event: Any) -> None:
        if isinstance(event, Progress) and event.stage == "painting":
            steps.append(event.done)

    with pytest.raises(Cancelled):
        picture(folder, steps=50).generate(JobContext(3, say, lambda: len(steps) >= 2))
    assert len(steps) == 2


def test_stream_ends_with_the_picture_and_may_be_left(folder: Path) -> None:
    shown = list(picture(folder).stream(JobContext(3)))
    assert len(shown) == 3 and shown[-1].shape == (64, 80, 3)
    some = picture(folder, steps=50).stream(JobContext(3))
    assert next(some).ndim == 3
    some.close()
    with pytest.raises(Cancelled):
        list(picture(folder).stream(JobContext(3, cancelled=lambda: True)))


def test_the_type_is_ours(one: Path) -> None:
    generator = cover(one)
    sleeve = generator.generate(JobContext(3))
    assert sleeve.size == (400, 400) and sorted(sleeve.text) == ["Harbour Lights", "Mara Vale"]
    figures = generator.quality()
    assert figures["contrast_min"] >= 4.5 and figures["margin_violation"] == 0 and figures["picture_width"] == 64
    assert np.array_equal(cover(one).generate(JobContext(3)).pixels, sleeve.pixels)
    assert generator.request.family == "full"


def test_a_family_that_takes_a_picture_may_be_had(one: Path) -> None:
    generator = cover(one, family="halftone")
    assert generator.generate(JobContext(3)).size == (400, 400)
    assert generator.quality()["family"] == "halftone"
    with pytest.raises(UsageError, match="full"):
        cover(one, family="swiss")


def test_folders_that_are_no_pipelines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"no model_index\.json"):
        cover(tmp_path)
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "unet.bin").write_bytes(b"\x80\x04")
    with pytest.raises(ModelError, match="pickles are not"):
        cover(tmp_path)
    (tmp_path / "unet.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        cover(tmp_path).generate(JobContext(3))
    monkeypatch.setattr("aigc_music.generators.hub.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"aigc-music\[hub\]"):
        cover(tmp_path)


def test_what_to_paint_comes_from_the_request(one: Path) -> None:
    prompt = cover(one, prompt="", mood="calm").request.prompt
    assert "Harbour Lights" in prompt and "calm" in prompt and "landscape" in prompt


def test_the_middle_square_is_taken() -> None:
    wide = np.arange(3 * 7 * 3, dtype=np.uint8).reshape(3, 7, 3)
    assert np.array_equal(squared(wide), wide[:, 2:5])
