"""Measure what every task loses when a single channel group is narrowed: a table, a plot, and limits for `mtzoo prune`.

    mtzoo sensitivity --config real_resize/multitask --checkpoint with-bn-float-last.pt --out table.json
    mtzoo sensitivity --config real_resize/multitask --checkpoint with-bn-float-last.pt --out table.json --limit 20 --compare-scratch 3
    mtzoo prune --config real_resize/multitask --checkpoint with-bn-float-last.pt --sensitivity table.json --max-drop 1

The table is saved after each pass over the images, a few groups at a time; the same command continues it. FILE.png shows it.
Exit code 1: with --compare-scratch, a point measured from scratch has other metrics.
"""

import argparse

from mtzoo.cli.arguments import add_checkpoint_argument, add_config_arguments, add_ctx_argument, config_from_arguments
from mtzoo.cli.numbers import at_least, joined, ratios
from mtzoo.cli.outputs import output_file
from mtzoo.cli.parser import Parser
from mtzoo.settings.pruning import IMPORTANCES, RATIOS, Pruning

HELP = "measure what each task loses when single channel groups get narrower"
DEFAULTS = Pruning(0.5)


def add_arguments(parser: Parser) -> None:
    add_config_arguments(parser, in_checkpoint=True)
    add_checkpoint_argument(parser)
    parser.add_argument("--out", type=output_file("--out"), required=True, metavar="FILE",
                        help="the table, .json; an unfinished one is continued")
    parser.add_argument("--ratios", nargs="+", type=ratios("--ratios"), default=[RATIOS], metavar="R",
                        help=f"shares of a group to remove ({' '.join(map(str, RATIOS))})")
    parser.add_argument("--limit", type=at_least(1, "--limit"), metavar="N", help="evaluate on at most N images of each folder")
    parser.add_argument("--importance", choices=IMPORTANCES, default=DEFAULTS.importance,
                        help=f"how the importance of channels is estimated ({DEFAULTS.importance})")
    parser.add_argument("--align", type=at_least(1, "--align"), default=DEFAULTS.align, metavar="N",
                        help=f"see mtzoo prune ({DEFAULTS.align})")
    parser.add_argument("--compare-scratch", type=at_least(0, "--compare-scratch"), default=0, metavar="K",
                        help="also measure K of the points from scratch, and compare metrics and time")
    add_ctx_argument(parser, several=False)


def run(args: argparse.Namespace) -> int:
    from mtzoo.config import parts
    from mtzoo.recipes.sensitivity import check_ratios, measure_sensitivity

    shares = joined(args.ratios)
    check_ratios(args.out, shares)
    config = config_from_arguments(args, "sensitivity", parts.delivery)
    result = measure_sensitivity(args.checkpoint, config, out=args.out, ratios=shares, limit=args.limit,
                                 importance=args.importance, align=args.align, compare_scratch=args.compare_scratch, ctx=args.ctx)
    return 0 if result.same else 1
