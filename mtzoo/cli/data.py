"""`mtzoo data`: convert data sets, check a config's data, look at it, count it, render synthetic scenes."""

import argparse
import time

from mtzoo.cli.arguments import add_config_options, config_from_arguments
from mtzoo.cli.data_convert import add_convert_arguments, run_convert
from mtzoo.cli.data_stats import add_stats_arguments, run_stats
from mtzoo.cli.data_tables import stats_tables
from mtzoo.cli.data_view import add_view_arguments, run_view
from mtzoo.cli.numbers import at_least, processes, size
from mtzoo.cli.outputs import output_folder
from mtzoo.console import numbered, say
from mtzoo.data.check import Checked, check_sources, unlabelled_images
from mtzoo.data.sources import MOST_SCENES, check_scene_size
from mtzoo.data.stats import classes_without_labels
from mtzoo.engine.distributed import run_console
from mtzoo.engine.evaluate import task_data
from mtzoo.errors import shown
from mtzoo.progress import show_progress
from mtzoo.recipes.data_folders import say_folders
from mtzoo.recipes.save_dir import check_new_folder

HELP = "convert data sets; check, view or count a config's data; render synthetic scenes"
FAULTY = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="data_verb", required=True, metavar="{check,convert,stats,synth,view}")
    check = verbs.add_parser("check", help="list every fault of the data in one pass; exit code 2 if there is one")
    add_config_argument(check)
    check.add_argument("--workers", type=processes("--workers"), default=None,
                       help="decoding threads; by default one for each core")
    add_convert_arguments(verbs.add_parser("convert", help="a published format -> COCO JSON and PNG masks"))
    stats = verbs.add_parser("stats", help="count images, objects by class and size, and class pixels")
    add_config_argument(stats)
    add_stats_arguments(stats)
    _add_synth_arguments(verbs.add_parser("synth", help="render synthetic road scenes with labels for all six tasks"))
    view = verbs.add_parser("view", help="draw samples after the whole training pipeline, with their labels")
    add_config_argument(view)
    add_view_arguments(view)


def run(args: argparse.Namespace) -> int:
    verbs = {"check": _check, "convert": run_convert, "stats": run_stats, "synth": _synth, "view": run_view}
    return verbs[args.data_verb](args)


def add_config_argument(parser: argparse.ArgumentParser) -> None:
    """CONFIG, --tasks and --cfg-options."""
    parser.add_argument("config", help="config file or name, e.g. 4pe_resize/multitask")
    add_config_options(parser)


def _add_synth_arguments(synth: argparse.ArgumentParser) -> None:
    synth.add_argument("--out", type=output_folder("--out"), required=True, help="new folder: images/ boxes.json seg/ lane/")
    synth.add_argument("--num", type=at_least(1, "--num", MOST_SCENES), required=True, help="number of scenes")
    synth.add_argument("--seed", type=at_least(0, "--seed", 2**32 - 1), required=True, help="the same seed gives the same scenes")
    synth.add_argument("--size", type=parse_size, default=(720, 1280), metavar="HxW", help="height x width (720x1280)")
    synth.add_argument("--workers", type=processes("--workers"), default=2, help="rendering processes (2)")


def parse_size(text: str) -> tuple[int, int]:
    """ "720x1280" -> (720, 1280), height first, of a scene that can be drawn."""
    hw = size("--size")(text)
    check_scene_size(hw, "--size")
    return hw


def _check(args: argparse.Namespace) -> int:
    config = config_from_arguments(args)
    say_folders(config, run_console(), "train", "val")
    found: dict[str, Checked] = {}
    for split in ("train", "val"):
        with show_progress(f"checking {split}") as on_progress:
            found[split] = check_sources(task_data(config, split), on_progress, args.workers)
    faults = list(dict.fromkeys(fault for checked in found.values() for fault in checked.faults))
    for fault in faults:
        say(str(fault))
    images = sum(checked.stats.images for checked in found.values())
    say(f"{numbered(len(faults), 'fault') if faults else 'no faults'}; "
        f"{numbered(images, 'image')} checked for {numbered(len(config.tasks), 'task')}")
    unlabelled = unlabelled_images([task for split in found for task in task_data(config, split)])
    for source, files in unlabelled.items():
        say(f"source '{source}': {len(files)} without a mask, e.g. {shown(files[0])}: not labelled, and not read for this source")
    for split, checked in found.items():
        for table in stats_tables(checked.stats, config.classes, split):
            say(table)
    for split, checked in found.items():
        for line in classes_without_labels(checked.stats, config.classes):
            say(f"warning: {split}: {line}")
    return FAULTY if faults else 0


def _synth(args: argparse.Namespace) -> int:
    check_new_folder(args.out)
    from mtzoo.data.synthetic import write_dataset

    start = time.perf_counter()
    with show_progress("rendering") as on_progress:
        write_dataset(args.out, args.num, args.seed, size_hw=args.size, workers=args.workers, on_progress=on_progress)
    seconds = time.perf_counter() - start
    say(f"{args.num} scenes in {seconds:.1f} s, {args.num / seconds:.1f} scenes/s with {args.workers} processes: {args.out}")
    return 0
