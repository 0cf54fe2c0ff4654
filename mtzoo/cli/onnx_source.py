"""Somebody else's float network on the command line: the options that say what it is and reads."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mtzoo.cli.numbers import at_least, size
from mtzoo.errors import UserError

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for OpenVINO
    from mtzoo.recipes.foreign import Distillation, FloatOnnx

OF_SOURCE = MappingProxyType({"images": None, "mean": None, "std": None, "order": None, "size": None, "uint8": False,
                              "weight_bits": None, "soft_labels": False})
"""Options of every verb's --onnx -> their value when they are not given."""


def add_source_arguments(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """--onnx and what belongs to it; the group, for what a verb adds."""
    group = parser.add_argument_group("somebody else's network (docs/foreign.md)")
    group.add_argument("--onnx", type=Path, metavar="MODEL", help="a float ONNX file with one image as input; instead of --config")
    group.add_argument("--images", type=Path, metavar="DIR", help="images without labels, for calibration and comparison")
    group.add_argument("--mean", type=float, nargs="+", metavar="M", help="the input is (x / 255 - mean) / std; one number or three")
    group.add_argument("--std", type=float, nargs="+", metavar="S",
                       help="see --mean; mean 0 and std 1 for x / 255, std 0.00392156862745098 for x")
    order = group.add_mutually_exclusive_group()
    order.add_argument("--rgb", dest="order", action="store_const", const="rgb", help="the network reads channels in RGB order")
    order.add_argument("--bgr", dest="order", action="store_const", const="bgr", help="the network reads channels in BGR order")
    group.add_argument("--size", type=size("--size"), metavar="HxW", help="the input size of a file with dynamic size, e.g. 352x352")
    group.add_argument("--uint8", action="store_true", help="the integer file reads pixels instead of the normalised image")
    group.add_argument("--weight-bits", type=at_least(4, "--weight-bits", 8), metavar="N",
                       help="bits of weights: 8, or 7 for CPUs without VNNI (8)")
    group.add_argument("--soft-labels", action="store_true",
                       help="with --iters: compare classes, too; outputs of several channels are logits of classes")
    return group


def check_one_way(args: argparse.Namespace, of_config: Mapping[str, Any], of_onnx: Mapping[str, Any], needed: Sequence[str]) -> None:
    """Raises UserError for options of the other way: a config's network has a checkpoint, somebody else's a file.

    of_config, of_onnx: option -> its value when it is not given; needed: those that a config's network cannot do without.
    """
    if args.onnx is None:
        given = [name for name, value in of_onnx.items() if getattr(args, name) != value]
        if given:
            raise UserError(f"{_option(given[0])} belongs to --onnx; a config's network says it in its config")
        for name in needed:
            if getattr(args, name) is None:
                raise UserError(f"{_option(name)} is missing; give it, or --onnx MODEL.onnx for a network from elsewhere")
        return
    if given := [name for name, value in of_config.items() if getattr(args, name) != value]:
        raise UserError(f"{_option(given[0])} has no effect with --onnx; leave it out")
    for name, why in (("images", "a folder with images like those that the network will see"),
                      ("mean", "0 where the network reads x / 255"), ("std", "1 where the network reads x / 255"),
                      ("order", "--rgb or --bgr, the order of channels that it was trained with")):
        if getattr(args, name) is None:
            raise UserError(f"{_option(name)} is missing with --onnx: {why}")


def _option(name: str) -> str:
    return {"order": "--rgb or --bgr"}.get(name, "--" + name.replace("_", "-"))


def float_onnx(args: argparse.Namespace) -> "FloatOnnx":
    """The file of --onnx."""
    from mtzoo.recipes.foreign import FloatOnnx

    return FloatOnnx(args.onnx, args.mean, args.std, args.order, args.size)


def distillation(args: argparse.Namespace) -> "Distillation":
    """Training with the float network as teacher: --iters, --learning-rate, --soft-labels, --ctx."""
    from mtzoo.recipes.foreign import Distillation

    return Distillation(args.iters or 0, args.learning_rate, args.ctx, args.soft_labels)
