"""Somebody else's float network on the command line: the options that say what it is and reads, and its images."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mtzoo.cli.numbers import at_least, size
from mtzoo.console import note, say
from mtzoo.data.input_files import spread_images
from mtzoo.errors import UserError

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for OpenVINO
    import numpy as np

    from mtzoo.foreign import Foreign

CALIB_IMAGES, HELD_OUT = 64, 32
OF_SOURCE = MappingProxyType({"images": None, "mean": None, "std": None, "order": None, "hw": None, "uint8": False,
                              "weight_bits": None})
"""Options of every verb's --onnx -> their value when they are not given."""


def add_source_arguments(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """--onnx and what belongs to it; the group, for what a verb adds."""
    group = parser.add_argument_group("somebody else's network (docs/foreign.md)")
    group.add_argument("--onnx", type=Path, metavar="MODEL", help="a float ONNX file that reads one image; in place of --config")
    group.add_argument("--images", type=Path, metavar="DIR", help="images without labels: ranges are observed on some, others compare")
    group.add_argument("--mean", type=float, nargs="+", metavar="M", help="of (x / 255 - mean) / std, one number or three")
    group.add_argument("--std", type=float, nargs="+", metavar="S", help="0 and 1 for x / 255; 0 and 0.00392156862745098 for x")
    order = group.add_mutually_exclusive_group()
    order.add_argument("--rgb", dest="order", action="store_const", const="rgb", help="order of the channels")
    order.add_argument("--bgr", dest="order", action="store_const", const="bgr")
    group.add_argument("--hw", type=size("--hw"), metavar="HxW", help="of a file whose size is dynamic, e.g. 352x352")
    group.add_argument("--uint8", action="store_true", help="the integer file reads the pixels themselves, not the normalised image")
    group.add_argument("--weight-bits", type=at_least(4, "--weight-bits", 8), metavar="N", help="8, or 7 for CPUs without VNNI (8)")
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
                raise UserError(f"{_option(name)} is missing; give it, or --onnx MODEL.onnx for a network that is not of the zoo")
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


@dataclass(frozen=True)
class Folder:
    """The images of a folder, all of the input's size: some to observe ranges on, others to compare on."""

    calibration: list["np.ndarray"]
    held_out: list["np.ndarray"]


def read_folder(folder: Path, hw: tuple[int, int], count: int, limit: int | None) -> Folder:
    """At most `count` images for ranges, and no more than half; of the others at most `limit` to compare on. All are resized, their
    aspect with them. Raises UserError for a folder without images, and where one cannot be read."""
    from mtzoo.data.images import read_image
    from mtzoo.machine import check_memory
    from mtzoo.ops.geometry import resize

    files = spread_images(folder, None)
    count = min(count, max(1, len(files) // 2))
    picked = {i * len(files) // count for i in range(count)}
    rest = [path for i, path in enumerate(files) if i not in picked]
    if not rest:
        note(f"note: --images {folder} has one image: ranges are observed and outputs compared on the same one")
        rest = files
    few = min(limit or HELD_OUT, len(rest))
    rest = [rest[i * len(rest) // few] for i in range(few)]
    check_memory(f"{count + few} images of {hw[0]} x {hw[1]}", 2 * (count + few) * 3 * hw[0] * hw[1])
    calibration, held_out = ([resize(read_image(path), hw) for path in paths] for paths in ([files[i] for i in sorted(picked)], rest))
    return Folder(calibration, held_out)


def open_source(args: argparse.Namespace) -> "Foreign":
    """Read --onnx and say what it is."""
    from mtzoo.foreign import from_onnx

    source = from_onnx(args.onnx, mean=args.mean, std=args.std, order=args.order, input_hw=args.hw)
    for line in described(source, args.onnx):
        say(line)
    return source


def described(source: "Foreign", path: Path) -> list[str]:
    """What was read, and what of it is not exact."""
    net, (height, width) = source.network, source.input_hw
    lines = [f"{path}: reads '{net.input_name}' (1, 3, {height}, {width}), {source.order.upper()}, (x / 255 - {list(source.mean)}) / "
             f"{list(source.std)}"]
    for output in net.outputs:
        told = "exact" if output.exact else "behind a softmax or sigmoid, which stays in float; what that reads is exact"
        lines.append(f"output '{output.name}' {output.shape}: {told}")
    return lines


def batches_of(images: Sequence["np.ndarray"], order: str, size: int = 4) -> list["np.ndarray"]:
    """(N, 3, H, W) uint8, channels in the network's order."""
    import numpy as np

    stacks = [np.stack(images[i:i + size]) for i in range(0, len(images), size)]
    return [np.ascontiguousarray((s[..., ::-1] if order == "rgb" else s).transpose(0, 3, 1, 2)) for s in stacks]
