"""`mtzoo ptq --onnx`: somebody else's float network to an exact integer file, with a folder of images and no training code."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mtzoo.cli.numbers import at_least, size
from mtzoo.cli.outputs import claim_folder
from mtzoo.cli.verify import list_images, print_report
from mtzoo.compression import OBSERVER_OF_FOREIGN, OF_FOREIGN
from mtzoo.console import note, say
from mtzoo.errors import UserError
from mtzoo.quantization.qconfig import CHOICES
from mtzoo.strict_json import write_json

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for OpenVINO
    import numpy as np
    from rich.table import Table

    from mtzoo.foreign import Foreign
    from mtzoo.foreign.compare import Agreement

CALIB_IMAGES, HELD_OUT, VERIFY_IMAGES, BENCH_RUNS = 64, 32, 8, 30
OF_CONFIG = {"config": None, "model_path": None, "max_drop": None, "spare": "float", "tasks": [], "cfg_options": [],
             "not_quant_pattern": []}
"""Options of `ptq --config` -> their value when they are not given."""
OF_ONNX = {"images": None, "mean": None, "std": None, "order": None, "hw": None, "uint8": False, "observer": None,
           "weight_bits": None, "distil_iters": None}


def add_onnx_arguments(parser: argparse.ArgumentParser) -> None:
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
    group.add_argument("--distil-iters", type=at_least(1, "--distil-iters"), metavar="N",
                       help="train the integers on the same images to say what the float network says: N iterations; default: none")
    group.add_argument("--observer", choices=CHOICES["observer"], help=f"how ranges are found ({OBSERVER_OF_FOREIGN})")
    group.add_argument("--weight-bits", type=at_least(4, "--weight-bits", 8), metavar="N", help="8, or 7 for CPUs without VNNI (8)")


def check_one_way(args: argparse.Namespace) -> None:
    """Raises UserError for options of the other way: a config's network has a checkpoint, somebody else's a file."""
    if args.onnx is None:
        given = [name for name, value in OF_ONNX.items() if getattr(args, name) != value]
        if given:
            raise UserError(f"{_option(given[0])} belongs to --onnx; a config's network says it in its config")
        for name in ("config", "model_path", "calib_images"):
            if getattr(args, name) is None:
                raise UserError(f"{_option(name)} is missing; give it, or --onnx MODEL.onnx for a network that is not of the zoo")
        return
    if given := [name for name, value in OF_CONFIG.items() if getattr(args, name) != value]:
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

    files = list_images(folder, None)
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


def run_onnx(args: argparse.Namespace, threads: int | None) -> int:
    """Calibrate, write, verify, compare, measure. Returns 1 if executors differ."""
    from mtzoo.foreign import from_onnx

    save_dir = args.save_dir or Path("work_dirs") / f"{args.onnx.stem}-ptq"
    _lock = claim_folder(save_dir, "--save-dir")
    source = from_onnx(args.onnx, mean=args.mean, std=args.std, order=args.order, input_hw=args.hw)
    for line in described(source, args.onnx):
        say(line)
    corrects = args.bias_correction is not False
    folder = read_folder(args.images, source.input_hw, args.calib_images or CALIB_IMAGES, args.limit)
    observer, equalize = args.observer or OBSERVER_OF_FOREIGN, args.equalize or OF_FOREIGN.equalize
    say(f"ranges: observer {observer} on {len(folder.calibration)} images, equalize {equalize}, bias correction "
        f"{'on' if corrects else 'off'}, distillation {args.distil_iters or 'off'}")
    path = save_dir / f"{args.onnx.stem}-int8.onnx"
    quantized = source.quantize(batches_of(folder.calibration, source.order), observer=observer, equalize=equalize,
                                bias_correction=corrects, weight_bits=args.weight_bits or 8,
                                distil_iterations=args.distil_iters or 0)
    info = quantized.export(path, dtype="uint8" if args.uint8 else "float32")
    for line in quantized.exactness(info):
        say(line)
    return deliver(source, path, folder.held_out, threads)


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


def deliver(source: "Foreign", path: Path, images: Sequence["np.ndarray"], threads: int | None) -> int:
    """Verify the file, compare it with the original, measure both; `comparison.json` beside it."""
    from mtzoo.export.load import read_deploy_file
    from mtzoo.foreign.compare import compare_outputs
    from mtzoo.foreign.latency import float_model, measure
    from mtzoo.runtime.executors import OnnxRuntimeExecutor
    from mtzoo.runtime.verify import verify

    report = verify(path, images[:VERIFY_IMAGES])
    print_report(report)
    file, original = read_deploy_file(path), float_model(source)
    signature, inner = source.signature(), file.info.signature
    before, after = OnnxRuntimeExecutor(original, threads or 1), OnnxRuntimeExecutor(file.model, threads or 1)
    found = compare_outputs(images, lambda image: before.run(signature.encode(image)), lambda image: after.run(inner.encode(image)))
    say(agreement_table(found, len(images)))
    latency = {} if threads is None else measure(source, file, threads, BENCH_RUNS)
    if latency:
        say(", ".join(f"{name} {median:.1f} ms" for name, median in latency.items()) + f" ({threads} threads, median of {BENCH_RUNS})")
    say(f"integer file: {path} ({file.size:,} bytes; float {original.ByteSize():,})")
    values = {"file": path.name, "bytes": file.size, "float_bytes": original.ByteSize(), "verify": report.mismatches,
              "values": report.values, "images": len(images), "latency_ms": latency,
              "outputs": {name: {"cosine": a.cosine, "argmax": a.argmax} for name, a in found.items()}}
    write_json(path.parent / "comparison.json", values, "choose another --save-dir")
    return 0 if report.passed else 1


def agreement_table(found: "dict[str, Agreement]", images: int) -> "Table":
    """A row for each output."""
    from rich.table import Table

    title = f"integer file against float network, {images} images it was not calibrated on"
    table = Table("output", "cosine", "same argmax", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, agreement in found.items():
        table.add_row(name, f"{agreement.cosine:.5f}", "-" if agreement.argmax is None else f"{100 * agreement.argmax:.2f} %")
    return table
