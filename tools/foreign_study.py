"""Where ESPNetv2 loses as integers, and what brings it back: the tables of docs/foreign_measured.md.

    python tools/foreign_study.py --weights WEIGHTS --data DATA --hw 256x512 --images 24
    python tools/foreign_study.py --weights WEIGHTS --data DATA --hw 256x512 --settings 1 --images 101 \\
        --only-camvid --distil-iters 640 --distil-images 367 --distil-batch 2 --soft-labels --learning-rates 4e-4 \\
        --out work_dirs/espnetv2.onnx

WEIGHTS and DATA are those of foreign_table.py. Ranges come from CamVid's training drives, Chinese dashcams and Indian streets, in equal
parts (--only-camvid: from CamVid alone); CamVid's val frames are scored. Each row: mIoU, pixels with the class of the float network,
ratio of its logits to their error. With --learning-rates the defaults are trained on with each, from the same start; --out gets the
integer file of the closest, verified, scored through ONNX Runtime.
"""

import argparse
import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from foreign_table import Subject, as_batches, camvid_miou, espnetv2, spread
from one_line_errors import one_line_errors
from torch import Tensor, nn

from mtzoo.cli.numbers import size
from mtzoo.compression import Corrections
from mtzoo.data.images import read_image
from mtzoo.deploy.file import read_deploy_file
from mtzoo.engine.device import single_device
from mtzoo.foreign import Foreign
from mtzoo.foreign.distil import distil
from mtzoo.foreign.network import calibrated
from mtzoo.ops.geometry import resize
from mtzoo.ops.precision import exact_float32
from mtzoo.runtime.executors import OnnxRuntimeExecutor
from mtzoo.runtime.verify import verify
from mtzoo.structures import flatten_outputs

SETTINGS = (("mse", "network", True), ("mse", "network", False), ("mse", "none", True), ("percentile", "network", True),
            ("moving_average_abs_max", "network", True))
"""(observer, equalization, bias correction); the first are the defaults."""
FEW = 4


class Judge:
    """Networks against the float one on labelled frames."""

    def __init__(self, source: Foreign, frames: Sequence[Path], device: torch.device) -> None:
        self.source, self.frames, self.device = source, frames, device
        self.original = source.folded_on(device)

    def run(self, net: nn.Module, image: np.ndarray) -> Tensor:
        """Image (H, W, 3) uint8 BGR -> (1, C, H, W) logits."""
        pixels = np.ascontiguousarray(image[None, :, :, ::-1].transpose(0, 3, 1, 2))
        with torch.no_grad(), exact_float32():
            return next(iter(flatten_outputs(net(self.source.pixel_batches([pixels], self.device)[0])).values()))

    def __call__(self, name: str, net: nn.Module) -> float:
        """Print a row; the ratio of logits to their error in dB."""
        start, same, total, signal, noise = perf_counter(), 0, 0, 0.0, 0.0

        def run(image: np.ndarray) -> dict[str, np.ndarray]:
            nonlocal same, total, signal, noise
            wanted, found = self.run(self.original, image), self.run(net, image)
            same += int((wanted.argmax(1) == found.argmax(1)).sum())
            total += wanted[:, 0].numel()
            signal += float(wanted.double().square().sum())
            noise += float((wanted - found).double().square().sum())
            return {"output": found.cpu().numpy()}

        net.eval()
        miou = camvid_miou(run, self.frames, self.source.input_hw)
        ratio = 10 * np.log10(signal / noise) if noise else np.inf
        print(f"| {name} | {miou:.2f} | {100 * same / total:.2f} % | {ratio:.1f} | {perf_counter() - start:.0f} s |", flush=True)
        return ratio


def study(args: argparse.Namespace) -> None:
    subject = espnetv2(args, args.hw)
    if args.only_camvid:
        subject = replace(subject, others=subject.others[:1])
    frames = spread(subject.images, args.images)
    judge = Judge(subject.source, frames, single_device(args.ctx))
    print(f"{args.hw[0]}x{args.hw[1]}, {len(frames)} frames of CamVid's val\n")
    print("| what | mIoU | same class | dB | judged in |\n|---|---:|---:|---:|---:|")
    judge("float", judge.original)
    counts = [(args.calib_images, setting) for setting in SETTINGS[:args.settings]] + [(FEW, SETTINGS[0])] * (args.settings > 1)
    nets = [observed(judge, subject, count, *setting) for count, setting in counts]
    trained = [learnt(judge, subject, nets[0], rate, args) for rate in args.learning_rates]
    if args.out is not None:
        _, best = max([(judge("chosen from", nets[0]), nets[0]), *trained], key=lambda pair: pair[0])
        write(subject.source, best, frames, args.out)


def observed(judge: Judge, subject: Subject, count: int, observer: str, equalize: str, biases: bool) -> nn.Module:
    batches = judge.source.pixel_batches(as_batches(subject.calibration(count), judge.source), judge.device)
    net = calibrated(judge.original, batches, observer, Corrections(equalize, biases))
    judge(f"{count} images, {observer}, equalize {equalize}, bias correction {'on' if biases else 'off'}", net)
    return net


def learnt(judge: Judge, subject: Subject, start: nn.Module, rate: float, args: argparse.Namespace) -> tuple[float, nn.Module]:
    images = as_batches(subject.calibration(args.distil_images), judge.source, args.distil_batch)
    batches = judge.source.pixel_batches(images, judge.device)
    net, began = deepcopy(start), perf_counter()
    distil(net, judge.original, batches, args.distil_iters, rate, soft_labels=args.soft_labels)
    seconds = perf_counter() - began
    return judge(f"{args.distil_iters} iterations in {seconds:.0f} s, learning rate {rate:g}", net), net


def write(source: Foreign, net: nn.Module, frames: Sequence[Path], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    source.on_grid(net).export(path)
    report = verify(path, [resize(read_image(frames[0]), source.input_hw)])
    file = read_deploy_file(path)
    runtime = OnnxRuntimeExecutor(file.model, 2)
    found = camvid_miou(lambda image: runtime.run(file.info.signature.encode(image)), frames, source.input_hw)
    print(f"{path}: {file.size:,} bytes, differing {report.mismatches} of {report.values:,}, mIoU {found:.2f} through ONNX Runtime")


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="folder of published weights")
    parser.add_argument("--data", type=Path, required=True, help="folder of image sets")
    parser.add_argument("--hw", type=size("--hw"), default=(512, 1024), metavar="HxW")
    parser.add_argument("--calib-images", type=int, default=33)
    parser.add_argument("--images", type=int, default=24, help="frames that are scored (24)")
    parser.add_argument("--settings", type=int, default=len(SETTINGS), help="how many ways to calibrate are tried")
    parser.add_argument("--distil-iters", type=int, default=300)
    parser.add_argument("--distil-images", type=int, default=240)
    parser.add_argument("--distil-batch", type=int, default=4)
    parser.add_argument("--soft-labels", action="store_true", help="distillation compares classes, too")
    parser.add_argument("--only-camvid", action="store_true", help="calibrate and distil on CamVid's training drives alone")
    parser.add_argument("--learning-rates", type=float, nargs="+", default=[], help="each from the same start")
    parser.add_argument("--ctx", default="auto", help="cpu or 0 (auto)")
    parser.add_argument("--out", type=Path, help="integer file of the best")
    study(parser.parse_args(argv))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
