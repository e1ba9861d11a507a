"""`aigc-music evaluate pictures`: a painter beside real pictures, or covers by the rules of stores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

EPILOG = """\b
Figures need no downloaded network: sliced Wasserstein distance on Laplacian pyramids (lower is better; 'unseen' is
what real pictures reach that the model has not seen), nearness to training pictures, variety.

\b
Examples:
  aigc-music evaluate pictures images_art256.zip
  aigc-music evaluate pictures images_art256.zip --sheets sheets/       (real beside painted, to look at)
  aigc-music evaluate pictures cover.jpg                                (rules of stores, colour, contrast)
"""


@click.command("pictures", epilog=EPILOG)
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--model", default="pictures", show_default=True, help="See 'aigc-music models'.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--sheets", type=click.Path(path_type=Path, file_okay=False), help="Folder for sheets of pictures.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(path: Path, model: str, seed: int, sheets: Path | None, as_json: bool) -> None:
    """Figures of a painter against the pictures of PATH (a set), or of one finished cover."""
    if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
        figures = _of_cover(path)
    else:
        from models.pictures.evaluate import evaluate

        figures = evaluate(path, model, seed)
        if sheets is not None:
            from models.pictures.sheets import write_sheets

            figures["sheets"] = [str(place) for place in write_sheets(sheets, model, path, seed=seed)]
    click.echo(json.dumps(figures) if as_json else "\n".join(_rows(figures)))


def _of_cover(path: Path) -> dict[str, Any]:
    """Rules of stores and figures of a finished cover; title and artist are those of its record, if it has one."""
    from aigc_music.engine import ImageRequest
    from aigc_music.engine.encodings import encoding_of_suffix
    from aigc_music.files.pictures import pixels_of
    from aigc_music.generators.cover import measure
    from aigc_music.generators.cover.rules import problems

    encoding = encoding_of_suffix(path.suffix)
    record = encoding.read(path)[0] if encoding else None
    asked = (record or {}).get("request", {})
    request = ImageRequest(title=asked.get("title", ""), artist=asked.get("artist", ""), seed=0)
    pixels = pixels_of(path)
    return {
        "width": pixels.shape[1], "height": pixels.shape[0], "bytes": path.stat().st_size,
        "colourfulness": measure.colourfulness(pixels), "luma_entropy": measure.entropy(pixels),
        "edge_energy": measure.edges(pixels), "detail": measure.detail(pixels),
        "phash": f"{measure.phash(pixels):032x}",
        "problems": problems(path.read_bytes(), request, [text for text in (request.title, request.artist) if text]),
    }  # fmt: skip


def _rows(figures: dict[str, Any], indent: str = "") -> list[str]:
    """Nested figures as lines."""
    rows = []
    for name, value in figures.items():
        if isinstance(value, dict):
            rows += [f"{indent}{name}", *_rows(value, indent + "  ")]
        else:
            rows.append(
                f"{indent}{name:24} {value:.4g}" if isinstance(value, float) else f"{indent}{name:24} {value}"
            )
    return rows
