"""Who may import whom: the house plan, held by walking every import in the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# layer -> layers of ours it may import (itself always); the first matching prefix counts
ALLOWED: dict[str, set[str]] = {
    "aigc_music.core": set(),
    "aigc_music.files": {"aigc_music.core"},
    "bridge.synth": {"aigc_music.core", "aigc_music.files", "bridge"},
    "bridge": {"aigc_music.core", "aigc_music.files", "bridge.synth"},
    "models": {"aigc_music.core", "aigc_music.files"},
    "aigc_music.engine": {"aigc_music.core", "aigc_music.files", "models"},
    "aigc_music.generators": {  # the synth is how a score sounds, live and offline
        "aigc_music.core", "aigc_music.files", "aigc_music.engine", "models", "bridge.synth",
    },
    "aigc_music.release": {
        "aigc_music.core", "aigc_music.files", "aigc_music.engine", "aigc_music.generators", "models",
    },
    "aigc_music.live": {
        "aigc_music.core", "aigc_music.files", "aigc_music.engine", "aigc_music.generators", "models", "bridge",
        "bridge.synth",
    },
    "aigc_music.cli": {
        "aigc_music.core", "aigc_music.files", "aigc_music.engine", "aigc_music.generators", "aigc_music.live",
        "aigc_music.release", "models", "bridge", "bridge.synth",
    },
}  # fmt: skip
HEAVY = {"torch", "numba", "numpy", "rtmidi", "sounddevice", "pretty_midi"}
TORCH_PLACES = (
    "models.music.networks", "models.music.train", "models.music.tune", "models.music.published",
    "models.music.peers", "models.music.decode_gpu", "models.pictures.networks", "models.pictures.train",
    "models.words.language.network", "models.words.language.train", "models.words.speech.network",
    "models.words.speech.train", "aigc_music.generators.words.hub", "aigc_music.generators.cover.diffusion",
    "aigc_music.generators.video.diffusion",
)  # fmt: skip


def modules() -> list[tuple[str, Path]]:
    found = []
    for top in ("aigc_music", "bridge", "models"):
        for path in (ROOT / top).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return sorted(found)


def imports_of(name: str, path: Path) -> set[str]:
    """Absolute names of everything a file imports, wherever in the file."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def layer_of(name: str) -> str | None:
    return next((layer for layer in ALLOWED if name == layer or name.startswith(layer + ".")), None)


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_stay_in_their_layers(name: str, path: Path) -> None:
    own = layer_of(name)
    if own is None:  # aigc_music itself: the menu, loads on use
        return
    for imported in imports_of(name, path):
        other = layer_of(imported)
        assert other in (None, own) or other in ALLOWED[own], f"{name} imports {imported}"
        if imported.split(".")[0] == "torch":
            assert name.startswith(TORCH_PLACES), f"{name} imports torch outside training and GPU modules"


def test_nobody_imports_the_tests() -> None:
    for name, path in modules():
        assert not any(imported.split(".")[0] == "tests" for imported in imports_of(name, path)), name


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["live", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['aigc-music', *" + repr(arguments) + "]\n"
        "from aigc_music.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"heavy = {HEAVY!r} & set(sys.modules); assert not heavy, heavy"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr


def test_ports_loads_no_numbers() -> None:
    code = (
        "import sys; sys.argv = ['aigc-music', 'ports', '--json']\n"
        "from aigc_music.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'torch', 'numba', 'numpy'} & set(sys.modules); assert not heavy, heavy"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr


def test_the_menu_agrees_with_itself() -> None:
    import aigc_music

    assert sorted(aigc_music._HOMES) == aigc_music.__all__
    for name in aigc_music.__all__:
        assert getattr(aigc_music, name) is not None
