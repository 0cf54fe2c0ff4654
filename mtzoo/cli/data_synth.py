"""`mtzoo data synth`: rendered road scenes with labels."""

import argparse
import time

from mtzoo.cli.numbers import at_least, processes, size
from mtzoo.cli.outputs import output_folder
from mtzoo.console import numbered, say
from mtzoo.data.sources import MOST_SCENES, check_scene_size
from mtzoo.progress import show_progress
from mtzoo.recipes.output_folder import check_new_folder


def add_synth_arguments(synth: argparse.ArgumentParser) -> None:
    synth.add_argument("--out", type=output_folder("--out"), required=True, metavar="DIR",
                       help="new folder: images/ boxes.json seg/ lane/")
    synth.add_argument("--num-images", type=at_least(1, "--num-images", MOST_SCENES), required=True, metavar="N",
                       help="number of scenes")
    synth.add_argument("--seed", type=at_least(0, "--seed", 2**32 - 1), metavar="N", required=True,
                       help="the same seed gives the same scenes")
    synth.add_argument("--size", type=parse_size, default=(720, 1280), metavar="HxW", help="height x width (720x1280)")
    synth.add_argument("--workers", type=processes("--workers"), default=2, metavar="N", help="rendering processes (2)")


def parse_size(text: str) -> tuple[int, int]:
    """ "720x1280" -> (720, 1280), height first, of a scene that can be drawn."""
    hw = size("--size")(text)
    check_scene_size(hw, "--size")
    return hw


def run_synth(args: argparse.Namespace) -> int:
    check_new_folder(args.out)
    from mtzoo.data.synthetic import write_dataset

    start = time.perf_counter()
    with show_progress("rendering") as on_progress:
        write_dataset(args.out, args.num_images, args.seed, size_hw=args.size, workers=args.workers, on_progress=on_progress)
    seconds = time.perf_counter() - start
    rate = args.num_images / seconds
    say(f"{numbered(args.num_images, 'scene')} in {seconds:.1f} s, {rate:.1f} scenes/s, --workers {args.workers}: {args.out}")
    return 0
