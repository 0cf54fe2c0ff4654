"""Remove channels and blocks of a float checkpoint, retrain, quantize, export, verify, compare.

    mtzoo prune --config real_resize/multitask --checkpoint with-bn-float-last.pt --ratio 0.3 --iters 2000
    mtzoo prune --config 4pe_resize/multitask --checkpoint with-bn-float-last.pt --ratio 0.2 --criterion latency
    mtzoo prune --config real_resize/multitask --checkpoint with-bn-float-last.pt --sensitivity table.json --max-drop 1

--out gets `pruning.json` (what was removed) and `.png`; the pruned network as a float checkpoint, `<prefix>-float-last.pt`; and its
integer network with deploy model and `comparison.json`, made as by `mtzoo ptq`. The comparison is with the original network,
quantized in the same way. Exit code 1: executors differ.
"""

import argparse
from pathlib import Path

from mtzoo.cli.arguments import (
    add_checkpoint_argument,
    add_config_arguments,
    add_ctx_argument,
    add_measuring_arguments,
    add_out_argument,
    add_retraining_arguments,
    config_from_arguments,
    measuring_from_arguments,
    out_from_arguments,
    retraining_from_arguments,
)
from mtzoo.cli.idle import note_idle
from mtzoo.cli.numbers import at_least
from mtzoo.cli.parser import Parser
from mtzoo.settings.pruning import CRITERIA, IMPORTANCES, SCOPES, Pruning

HELP = "remove channels and blocks of a float checkpoint, retrain, quantize, export, verify, compare"
DEFAULTS = Pruning(0.5)


def add_arguments(parser: Parser) -> None:
    add_config_arguments(parser, in_checkpoint=True)
    add_checkpoint_argument(parser)
    parser.add_argument("--ratio", type=float, metavar="R",
                        help="share of the criterion to remove, e.g. 0.3; default with --sensitivity: all that the table allows")
    parser.add_argument("--criterion", choices=CRITERIA, default=DEFAULTS.criterion,
                        help=f"what --ratio refers to; latency: of the int8 network in OpenVINO, measured ({DEFAULTS.criterion})")
    parser.add_argument("--importance", choices=IMPORTANCES, default=DEFAULTS.importance,
                        help=f"how the importance of channels is estimated ({DEFAULTS.importance})")
    parser.add_argument("--scope", choices=SCOPES, default=DEFAULTS.scope,
                        help=f"all channels compete, or the same share is removed everywhere ({DEFAULTS.scope})")
    parser.add_argument("--align", type=at_least(1, "--align"), default=DEFAULTS.align, metavar="N",
                        help=f"group convolutions keep multiples of N outputs per group, others of 2 N channels ({DEFAULTS.align})")
    parser.add_argument("--keep-blocks", action="store_true", help="remove channels only, no residual blocks")
    parser.add_argument("--sensitivity", type=Path, metavar="FILE", help="a table of `mtzoo sensitivity` of this checkpoint")
    parser.add_argument("--max-drop", type=float, metavar="D",
                        help="with --sensitivity: each group loses at most what costs any task D points on its own")
    parser.add_argument("--calib-images", type=at_least(1, "--calib-images"), metavar="N",
                        help="training images for calibration (64, or all if there are fewer)")
    add_out_argument(parser, "a new folder; default work_dirs/CONFIG-prune")
    add_retraining_arguments(parser, default_iters="no training")
    add_ctx_argument(parser, several=False)
    add_measuring_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from mtzoo.config import parts
    from mtzoo.recipes.prune import check_limits, prune

    limit, threads = measuring_from_arguments(args)
    pruning = Pruning(args.ratio, args.criterion, args.importance, args.scope, args.align, not args.keep_blocks)
    check_limits(pruning, args.sensitivity, args.max_drop)
    retraining = retraining_from_arguments(args) if args.iters is not None else None
    if retraining is None:
        note_idle(args, "without --iters nothing is trained", "--batch-size", "--learning-rate", "--workers", "--distill-from")
    config = config_from_arguments(args, "prune", parts.delivery)
    made = prune(args.checkpoint, config, out_from_arguments(config, args, "prune"), pruning=pruning,
                 sensitivity=args.sensitivity, max_drop=args.max_drop, retraining=retraining, calib_images=args.calib_images,
                 ctx=args.ctx, resume=args.resume, limit=limit, threads=threads)
    return 0 if made.integers is None or made.integers.passed else 1
