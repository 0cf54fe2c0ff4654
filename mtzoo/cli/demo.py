"""Show what the shipped models see in three rendered road scenes and in your own photos. No network connection is needed.

  mtzoo demo
  mtzoo demo photo.jpg drive/ --open

scenes_resize, trained on rendered scenes, predicts the scenes. dashcam_resize_mobilenetv2, trained on photos of streets, predicts
photos and videos. --out gets scenes/ with the rendered images and their labels, and seen/scenes/ and seen/photos/ with overlays/,
labels/ and results.json, as `mtzoo predict` writes them.
"""

import argparse
import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from mtzoo.cli.outputs import output_folder
from mtzoo.cli.predict import FAULTY
from mtzoo.recipes.demo import MOST_NAMED, PHOTOS_MODEL, demo

HELP = "show what shipped models see in three rendered scenes and in your own photos"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photos", nargs="*", type=Path, metavar="IMAGES", help="your images or videos, or folders of them")
    parser.add_argument("--images", nargs="+", action="extend", type=Path, default=[], metavar="IMAGES",
                        help="the same, with a name")
    parser.add_argument("--out", type=output_folder("--out"), default=Path("work_dirs/demo"), metavar="DIR",
                        help="folder for the pictures (work_dirs/demo)")
    parser.add_argument("--open", action="store_true", help=f"open the overlays, {MOST_NAMED} of each kind at most")


def run(args: argparse.Namespace) -> int:
    from mtzoo.console import say

    done = demo([*args.photos, *args.images], args.out)
    say(f"{done.seconds:.0f} s in all. Next: mtzoo predict {PHOTOS_MODEL} PHOTOS --out DIR; mtzoo list")
    if args.open:
        open_pictures(done.overlays)
    return FAULTY if done.unreadable else 0


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
