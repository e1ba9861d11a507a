"""The numba decoder against its torch reference, and int8 against fp32 on music."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from models.music import kernels
from models.music import representation as rep
from models.music.decode_cpu import load_model
from models.music.windows import Batch, Corpus, WindowOptions
from models.trunks import KINDS
from tests.test_models_representation import make_song
from tests.tiny_model import config_of, tiny_model, tiny_tensors

torch = pytest.importorskip("torch", reason="the reference network needs torch (pip install 'aigc-music[train]')")


def reference(kind: str):  # type: ignore[no-untyped-def]
    """The tiny model in torch."""
    from models.music.networks.network import MusicNetwork, NetworkConfig

    network = MusicNetwork(NetworkConfig(**config_of(kind)))
    network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in tiny_tensors(kind).items()})
    return network.eval()


def batch_of(windows: int = 4, length: int = 48) -> Batch:
    return Corpus([make_song(seed, 150) for seed in range(4)]).draw(
        np.random.default_rng(1), windows, length, WindowOptions()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_kernel_in_fp32_equals_torch_on_logits(kind: str) -> None:
    torch.set_num_threads(1)
    network, model, batch = reference(kind), tiny_model(kind, exact=True), batch_of(1)
    tensors = Batch(*(torch.from_numpy(value) for value in batch))
    buffers = model.stream()._buffers
    with torch.no_grad():
        states = network.states(tensors.inputs.transpose(0, 1))[:, 0]
        zeros = torch.zeros(len(states), dtype=torch.int64)
        context = torch.stack((tensors.key_root[0], zeros, zeros), dim=1)
        logits = network.heads(states, tensors.choices[0], tensors.echo[0], context)
    tops = model.run(batch.inputs[0])
    assert np.abs(tops - states.numpy()).max() < 1e-3
    for t in range(len(states)):
        buffers.choices[:], buffers.echo[:] = batch.choices[0, t], batch.echo[0, t]
        for k, (name, size) in enumerate(rep.HEADS):
            kernels.head(model.heads, buffers, k, tops[t])
            if name == "pitch":
                kernels.pitch_logits(buffers, int(batch.choices[0, t, 0]), int(batch.key_root[0, t]))
            assert np.abs(buffers.logits[:size] - logits[name][t].numpy()).max() < 5e-3


@pytest.mark.parametrize("kind", KINDS)
def test_the_kernel_in_fp32_scores_what_torch_scores(kind: str) -> None:
    network, model, batch = reference(kind), tiny_model(kind, exact=True), batch_of()
    with torch.no_grad():
        sums, count = network(Batch(*(torch.from_numpy(value) for value in batch)))
    bits, notes, _ = model.score(batch)
    assert notes == int(count)
    assert np.allclose(bits, sums.numpy() / np.log(2), rtol=1e-3, atol=1e-2)


def test_the_training_recurrence_has_the_gradients_of_torch() -> None:
    from models.music.networks.gru import gru_layer

    torch.manual_seed(0)
    layer = torch.nn.GRU(8, 16)
    x = torch.randn(20, 3, 8)
    weights = [getattr(layer, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    ours, theirs = gru_layer(x, *weights), layer(x)[0]
    assert torch.allclose(ours, theirs, atol=1e-4)
    pull = torch.randn_like(theirs)
    for a, b in zip(
        torch.autograd.grad((ours * pull).sum(), weights),
        torch.autograd.grad((theirs * pull).sum(), weights),
        strict=True,
    ):
        assert (a - b).norm() < 1e-3 * b.norm()


@pytest.mark.skipif("AIGC_MUSIC_DATA" not in os.environ, reason="set AIGC_MUSIC_DATA to the folder of the music sets")
def test_int8_costs_less_than_half_a_percent_on_the_shipped_model(capsys: pytest.CaptureFixture[str]) -> None:
    from models.music.corpus import load_set
    from models.music.windows import PLAIN

    songs = [
        song
        for song in load_set(Path(os.environ["AIGC_MUSIC_DATA"]) / "music_jsb_chorales.zip")
        if song.split == "test"
    ]
    batch = Corpus(songs).draw(np.random.default_rng(0), 16, 128, PLAIN)
    small, full = (load_model("default", exact=exact).score(batch)[0].sum() for exact in (False, True))
    with capsys.disabled():
        print(f" int8 against fp32: {100 * (small / full - 1):+.3f} % loss")  # noqa: T201
    assert abs(small / full - 1) < 0.005
