"""Look at what the shipped models see: three rendered road scenes, and your own photos. No network is needed.

  mtzoo demo
  mtzoo demo photo.jpg drive/ --open

Scenes go through scenes_resize, which learnt from rendered scenes alone, photos and videos through real_resize, which learnt from
photos. Under --out: scenes/ with the rendered images and their labels; seen/scenes/ and seen/photos/ with overlays/, labels/ and
results.json, as `mtzoo predict` writes them.
"""

import argparse
import os
import sys
import time
import webbrowser
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtzoo.cli.min_score import DEFAULT, MinScore
from mtzoo.cli.outputs import output_folder
from mtzoo.cli.predict import FAULTY, list_inputs, load_models, predict_all
from mtzoo.locate import find_model

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for OpenVINO
    from mtzoo.cli.predict import Files

HELP = "three rendered scenes and your own photos through shipped models, in under a minute"
SCENES, SEED = 3, 3
"""The scenes' seed; trainings have seed 1, validations seed 2."""
SCENES_MODEL, PHOTOS_MODEL = "scenes_resize", "real_resize"
MOST_NAMED = 6
"""Overlays that are named, and opened."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photos", nargs="*", type=Path, metavar="PHOTO", help="your images or videos, or folders of them")
    parser.add_argument("--out", type=output_folder("--out"), default=Path("work_dirs/demo"), metavar="DIR",
                        help="where the pictures go (work_dirs/demo)")
    parser.add_argument("--open", action="store_true", help=f"open the overlays, {MOST_NAMED} of each kind at most")


def run(args: argparse.Namespace) -> int:
    from mtzoo.console import note, say
    from mtzoo.recipes.save_dir import claim_folder

    started = time.perf_counter()
    photos, left_out = list_inputs(args.photos, args.out)
    _lock = claim_folder(args.out, "--out", may_hold=None)
    for line in left_out:
        note(f"note: {line}")
    scenes = args.out / "scenes"
    render(scenes)
    say(f"{SCENES} rendered scenes that no model was trained on: {scenes}")
    files, _ = list_inputs([scenes / "images"], args.out / "seen")
    overlays, unreadable = look(SCENES_MODEL, files, args.out / "seen" / "scenes")
    if photos:
        more, unreadable = look(PHOTOS_MODEL, photos, args.out / "seen" / "photos")
        overlays += more
    say(f"{time.perf_counter() - started:.0f} s in all. Next: mtzoo predict {PHOTOS_MODEL} PHOTOS --out DIR; mtzoo list")
    if args.open:
        open_pictures(overlays)
    return FAULTY if unreadable else 0


def render(folder: Path) -> None:
    """The demo's scenes with their labels, unless they are there already."""
    from mtzoo.data.synthetic import write_dataset
    from mtzoo.machine import cores
    from mtzoo.progress import show_progress

    with show_progress("rendering", transient=True) as on_progress:
        write_dataset(folder, SCENES, SEED, workers=min(cores(), SCENES), on_progress=on_progress)


def look(name: str, files: "Files", out: Path) -> tuple[list[Path], int]:
    """Predict images and videos with a zoo model and name what it found. (The first overlays, how many files could not be read.)"""
    from mtzoo.cli.predict_output import RESULTS, Output
    from mtzoo.console import numbered, say
    from mtzoo.data.json_file import read_json

    path = find_model(name)
    model = load_models({"model": path}, None, "openvino", None)
    min_score = MinScore(DEFAULT)
    output = Output(out, model.classes, min_score)
    head = {"model": path.name, "executor": "openvino", "min_score": min_score.plain()}
    unreadable = predict_all(model, files, output, head)
    results = read_json(out / RESULTS, "results", "run the demo again")
    say(f"{name}, {numbered(len(model.classes), 'task')}, {len(files) - unreadable} of {numbered(len(files), 'file')}:")
    seen = results["images"] + results["videos"]
    for record in seen[:MOST_NAMED]:
        say(f"  {out / record['overlay']}: {found_in(record)}")
    if len(seen) > MOST_NAMED:
        say(f"  and {len(seen) - MOST_NAMED:,} more: {out / 'overlays'}")
    return [out / record["overlay"] for record in seen[:MOST_NAMED]], unreadable


def found_in(record: dict[str, Any]) -> str:
    """What an image's record holds in words, "3 vehicle, 1 person"; of a video the number of its frames."""
    if "frames" in record:
        return f"{len(record['frames']):,} frames"
    counts = Counter(box["class"] for box in record["boxes"])
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "no boxes"


def open_pictures(paths: Sequence[Path]) -> None:
    """Show pictures in what the desktop has for them."""
    from mtzoo.console import note

    if not has_display():
        note("note: --open: there is no display here; open the overlays named above on another machine")
        return
    for path in paths:
        webbrowser.open(path.resolve().as_uri())


def has_display() -> bool:
    """Whether a window can be seen. Without one `webbrowser` would start a browser in the terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
