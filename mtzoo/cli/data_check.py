"""`mtzoo data check`: every fault of a config's data in one pass."""

import argparse

from mtzoo.cli.arguments import config_from_arguments
from mtzoo.cli.data_tables import stats_tables
from mtzoo.cli.numbers import processes
from mtzoo.console import numbered, say
from mtzoo.data.check import Checked, check_sources, images_of_both, unlabelled_images
from mtzoo.data.stats import classes_without_labels
from mtzoo.errors import shown
from mtzoo.progress import show_progress

FAULTY = 2


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=processes("--workers"), default=None, metavar="N",
                        help="decoding threads; default: one for each core")


def run_check(args: argparse.Namespace) -> int:
    from mtzoo.config import parts
    from mtzoo.engine.distributed import run_console
    from mtzoo.engine.evaluate import task_data
    from mtzoo.recipes.data_folders import say_folders

    config = config_from_arguments(args, "data check", parts.labels)
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
    for line in images_of_both(found["train"], found["val"]):
        say(f"warning: {line}")
    return FAULTY if faults else 0
