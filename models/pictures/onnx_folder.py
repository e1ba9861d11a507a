"""A network on disk for onnxruntime: one .onnx file and the card that vouches for it. Nothing in it is executable.

Threads: offline; a session may be used from one thread at a time. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import onnxruntime

from aigc_music.core.errors import ModelError
from aigc_music.files.atomic import atomic_write

__all__ = ["ZOO", "open_network", "write_network"]

ZOO = Path(__file__).parent.parent / "zoo"
FILE = "generator.onnx"


def open_network(folder: Path, kind: str) -> tuple[onnxruntime.InferenceSession, dict[str, Any]]:
    """A session of one thread and the card. ModelError when missing, damaged or of another kind."""
    try:
        card = json.loads((folder / "card.json").read_text("utf-8"))
        blob = (folder / FILE).read_bytes()
        found, told = str(card["kind"]), str(card["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"no readable model in {str(folder)!r} ({error}): it needs card.json and {FILE}") from error
    if found != kind:
        raise ModelError(f"the model in {str(folder)!r} is of the kind {found!r}, {kind!r} is needed here")
    digest = hashlib.sha256(blob).hexdigest()
    if digest != told:
        raise ModelError(
            f"{str(folder / FILE)!r} has sha256 {digest[:12]}..., its card says {told[:12]}...: "
            "weights and card do not belong together, install the model again"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(blob, options, providers=["CPUExecutionProvider"]), card
    except Exception as error:  # onnxruntime's own errors share no base class but this
        raise ModelError(f"{str(folder / FILE)!r} is not a network that onnxruntime can run ({error})") from error


def write_network(folder: Path, blob: bytes, card: dict[str, Any]) -> Path:
    """Write both files; the card gets the sum of the blob."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(card | {"sha256": hashlib.sha256(blob).hexdigest()}, indent=1, ensure_ascii=False) + "\n"
    for name, content in ((FILE, blob), ("card.json", text.encode())):
        with atomic_write(folder / name) as file:
            file.write(content)
    return folder
