"""Three rendered road scenes and a user's own photos through shipped models."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtzoo.locate import find_model
from mtzoo.recipes.predict import Files, list_inputs, load_models, predict_all
from mtzoo.recipes.predict.min_score import DEFAULT, MinScore

if TYPE_CHECKING:  # imported when the recipe runs: --help should not wait for OpenVINO
    from mtzoo.console import PlainConsole

SCENES, SEED = 3, 3
"""The scenes' seed; trainings have seed 1, validations seed 2."""
SCENES_MODEL, PHOTOS_MODEL = "scenes_resize", "dashcam_resize_mobilenetv2"
MOST_NAMED = 6
"""Overlays that are named, of scenes and of photos."""


@dataclass(frozen=True)
class DemoResult:
    """overlays: the first ones, of scenes and of photos; unreadable: how many photos and videos could not be read; seconds: in all."""

    overlays: list[Path]
    unreadable: int
    seconds: float


def demo(photos: list[Path], out: Path, *, console: "PlainConsole | None" = None) -> DemoResult:
    """Render scenes into `out`/scenes, predict them and the photos into `out`/seen, and say what was found.

    photos: images and videos, or folders of them. Raises UserError for a path that does not exist.
    """
    from mtzoo.console import PlainConsole
    from mtzoo.progress import shown_if
    from mtzoo.recipes.output_folder import claim_folder

    console, started = console or PlainConsole(), time.perf_counter()
    found, left_out = list_inputs(photos, out)
    _lock = claim_folder(out, "--out", may_hold=None)
    for line in left_out:
        console.print(f"note: {line}")
    with shown_if(not console.quiet):
        render(out / "scenes")
        console.print(f"{SCENES} rendered scenes that no model was trained on: {out / 'scenes'}")
        files, _ = list_inputs([out / "scenes" / "images"], out / "seen")
        overlays, unreadable = look(SCENES_MODEL, files, out / "seen" / "scenes", console)
        if found:
            more, unreadable = look(PHOTOS_MODEL, found, out / "seen" / "photos", console)
            overlays += more
    return DemoResult(overlays, unreadable, time.perf_counter() - started)


def render(folder: Path) -> None:
    """The demo's scenes with their labels, unless they are there already."""
    from mtzoo.data.synthetic import write_dataset
    from mtzoo.machine import cores
    from mtzoo.progress import show_progress

    with show_progress("rendering", transient=True) as on_progress:
        write_dataset(folder, SCENES, SEED, workers=min(cores(), SCENES), on_progress=on_progress)


def look(name: str, files: Files, out: Path, console: "PlainConsole") -> tuple[list[Path], int]:
    """Predict images and videos with a zoo model and name what it found. (The first overlays, how many files could not be read.)"""
    from mtzoo.console import numbered
    from mtzoo.data.json_file import read_json
    from mtzoo.recipes.predict.output import RESULTS, Output

    path = find_model(name)
    model = load_models({"model": path}, None, "openvino", None)
    min_score = MinScore(DEFAULT)
    output = Output(out, model.classes, min_score)
    head = {"model": path.name, "executor": "openvino", "min_score": min_score.plain()}
    unreadable = predict_all(model, files, output, head)
    results = read_json(out / RESULTS, "results", "run the demo again")
    console.print(f"{name}, {numbered(len(model.classes), 'task')}, {len(files) - unreadable} of {numbered(len(files), 'file')}:")
    seen = results["images"] + results["videos"]
    for record in seen[:MOST_NAMED]:
        console.print(f"  {out / record['overlay']}: {found_in(record)}")
    if len(seen) > MOST_NAMED:
        console.print(f"  and {len(seen) - MOST_NAMED:,} more: {out / 'overlays'}")
    return [out / record["overlay"] for record in seen[:MOST_NAMED]], unreadable


def found_in(record: dict[str, Any]) -> str:
    """What an image's record holds in words, "3 vehicle, 1 person"; of a video the number of its frames."""
    if "frames" in record:
        return f"{len(record['frames']):,} frames"
    counts = Counter(box["class"] for box in record["boxes"])
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "no boxes"
