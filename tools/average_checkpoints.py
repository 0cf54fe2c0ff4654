"""Averages the weights of float checkpoints of one network, of which one continued from another: a model soup (arXiv 2203.05482).

    python tools/average_checkpoints.py FIRST.pt LATER.pt --out AVERAGE.pt

It costs no training, and what rounds of training have learned differently is often kept. Networks that started from different random
weights cannot be averaged. BN statistics are averaged, too. The config is that of the last one.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from one_line_errors import one_line_errors

from mtzoo.engine.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from mtzoo.errors import UserError


def averaged(checkpoints: Sequence[Checkpoint], names: Sequence[str]) -> Checkpoint:
    """One whose floating-point tensors are the mean, with the rest of the last one and no state of a training.

    names: of the checkpoints, for errors. Raises UserError for fake-quant checkpoints, and for networks whose tensors differ in name or
    shape.
    """
    last = checkpoints[-1]
    for checkpoint, name in zip(checkpoints, names):
        if checkpoint.progress.quantized or checkpoint.progress.step:
            raise UserError(f"{name}: is not a float network with BN; average with-bn-float checkpoints")
        for key in checkpoint.network.keys() ^ last.network.keys():
            raise UserError(f"{name}: another network than {names[-1]}: only one of them has '{key}'")
        for key, value in checkpoint.network.items():
            if value.shape != last.network[key].shape:
                raise UserError(f"{name}: '{key}' is {tuple(value.shape)}, and {tuple(last.network[key].shape)} in {names[-1]}")
    network = {key: torch.stack([checkpoint.network[key].double() for checkpoint in checkpoints]).mean(0).to(value.dtype)
               if value.is_floating_point() else value for key, value in last.network.items()}
    return replace(last, network=network, training={}, history=[])


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+", help="two or more, or zoo:NAME")
    parser.add_argument("--out", type=Path, required=True, help="the checkpoint to write")
    args = parser.parse_args(argv)
    if len(args.checkpoints) < 2:
        raise UserError(f"{args.checkpoints[0]}: is only one checkpoint; name two or more")
    if args.out.exists():
        raise UserError(f"{args.out}: exists already; name a new file")
    mean = averaged([load_checkpoint(Path(name)) for name in args.checkpoints], args.checkpoints)
    save_checkpoint(args.out, mean, "choose another --out")
    print(f"{args.out}: the mean of {len(args.checkpoints)} checkpoints; mtzoo eval --checkpoint {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
