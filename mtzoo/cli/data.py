"""`mtzoo data`: convert data sets, check a config's data, look at it, count it, render synthetic scenes."""

import argparse

from mtzoo.cli.arguments import add_config_arguments
from mtzoo.cli.data_check import add_check_arguments, run_check
from mtzoo.cli.data_convert import add_convert_arguments, run_convert
from mtzoo.cli.data_stats import add_stats_arguments, run_stats
from mtzoo.cli.data_synth import add_synth_arguments, run_synth
from mtzoo.cli.data_view import add_view_arguments, run_view
from mtzoo.cli.parser import add_subverb

HELP = "convert data sets; check, view or count a config's data; render synthetic scenes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="data_verb", required=True, metavar="{check,convert,stats,synth,view}")
    check = add_subverb(verbs, "check", "list every fault of the data in one pass; exit code 2 if there is one",
                        "mtzoo data check 4pe_resize/multitask --cfg-options data_root=DIR")
    add_config_arguments(check)
    add_check_arguments(check)
    add_convert_arguments(add_subverb(verbs, "convert", "convert a data set to COCO JSON and PNG masks",
                                      "mtzoo data convert --data lights --out data/lights --classes own"))
    stats = add_subverb(verbs, "stats", "count images, objects by class and size, and class pixels",
                        "mtzoo data stats 4pe_resize/multitask --out stats.png")
    add_config_arguments(stats)
    add_stats_arguments(stats)
    add_synth_arguments(add_subverb(verbs, "synth", "render synthetic road scenes with labels for all six tasks",
                                    "mtzoo data synth --out scenes --num-images 200 --seed 5"))
    view = add_subverb(verbs, "view", "draw samples after the whole training pipeline, with their labels",
                       "mtzoo data view 4pe_resize/multitask --out seen")
    add_config_arguments(view)
    add_view_arguments(view)


def run(args: argparse.Namespace) -> int:
    verbs = {"check": run_check, "convert": run_convert, "stats": run_stats, "synth": run_synth, "view": run_view}
    return verbs[args.data_verb](args)
