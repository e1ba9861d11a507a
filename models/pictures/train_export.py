"""Trained painters to ONNX files that onnxruntime alone can run.

`python -m models.pictures.train_export RUN FOLDER` makes a folder that Painter.load or Sketcher.load reads.

Weights are stored in half precision and widened when the file is loaded: half the size, the same fp32 arithmetic.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import io
import json
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from aigc_music.core.errors import MissingExtraError, ModelError

from .networks import LATENT, Generator
from .networks_sketch import GIVEN, Filler
from .onnx_folder import write_network
from .sample import KIND as PICTURES
from .sketch import KIND as SKETCH
from .train_state import FILE

__all__ = ["export", "halved", "to_onnx"]

OPSET = 17
SMALL = 64  # tensors of fewer numbers keep fp32


def export(run: Path, folder: Path) -> Path:
    """The averaged painter of the training run in `run`, of either kind, with its card, in `folder`.

    ModelError where there is no sound checkpoint, MissingExtraError without onnx.
    """
    try:
        with safe_open(run / FILE, framework="pt") as file:
            facts: dict[str, Any] = json.loads(file.metadata()["run"])
            names = [name for name in file.keys() if name.startswith("average/")]  # noqa: SIM118 - not a dict
            weights = {name.removeprefix("average/"): file.get_tensor(name) for name in names}
        kind = facts["kind"]
        config: dict[str, Any] = {key: facts[key] for key in ("size", "classes") if key in facts}
        network: nn.Module = Filler() if kind == SKETCH else Generator(config["size"])
        network.load_state_dict(weights)
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{str(run)!r} has no sound {FILE} to export ({error}): train first") from error
    if kind == PICTURES:
        inputs = {"latents": torch.zeros(1, LATENT), "classes": torch.zeros(1, dtype=torch.long)}
        blob = to_onnx(network, inputs)
        config["latent"] = LATENT
    else:
        blob = to_onnx(network, {"given": torch.zeros(1, GIVEN, 64, 64)}, {"given": {2: "height", 3: "width"}})
    card = {
        "name": folder.name,
        "kind": kind,
        "config": config,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "bytes": len(blob),
        "steps": facts["step"],
        "hours": round(facts["seconds"] / 3600, 3),
        "seed": facts["seed"],
        "date": datetime.now(UTC).date().isoformat(),
    }
    return write_network(folder, blob, card)


def to_onnx(network: nn.Module, inputs: dict[str, Tensor], free: dict[str, dict[int, str]] | None = None) -> bytes:
    """The network, in evaluation mode, as the bytes of an ONNX file with the output "picture".

    inputs: example tensors by name. free: axes whose length may differ from the example's, by input.
    """
    file = io.BytesIO()
    network = network.eval().cpu()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the end of this exporter; the new one needs onnxscript
        torch.onnx.export(
            network,
            tuple(inputs.values()),
            cast(Any, file),  # open files are taken as well as paths
            input_names=list(inputs),
            output_names=["picture"],
            dynamic_axes=free or {},
            opset_version=OPSET,
            dynamo=False,
        )
    return halved(file.getvalue())


def halved(blob: bytes) -> bytes:
    """The same network with its larger fp32 constants stored as fp16, each widened by a Cast."""
    try:
        import onnx
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        raise MissingExtraError("onnx", "train", "exporting a trained painter") from None

    model = onnx.load_model_from_string(blob)
    casts = []
    for constant in model.graph.initializer:
        if constant.data_type == TensorProto.FLOAT and np.prod(constant.dims) >= SMALL:
            name, values = constant.name, numpy_helper.to_array(constant)
            constant.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def main() -> None:
    parser = argparse.ArgumentParser(prog="models.pictures.train_export", description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    export(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
