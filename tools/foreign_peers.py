"""Integer networks of others beside ours, on the same pictures: IoU of the classes that each knows, latency, size.

    python tools/foreign_peers.py --peers WEIGHTS/coral_int8 --camvid DATA/camvid/val --model deeplab.onnx

The peers are integer TFLite DeepLabs with the argmax inside (github.com/google-coral/test_data, Apache-2.0); they need
`pip install ai-edge-litert`. Ours is any deploy model with a segmentation task of CamVid's classes. Latency needs a quiet machine
(--no-bench leaves it out).
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from foreign_table import CAMVID_CLASSES, CAMVID_OF_CITYSCAPES, image_files
from one_line_errors import one_line_errors

from mtzoo.data.images import read_image
from mtzoo.errors import UserError
from mtzoo.ops.geometry import resize
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.timing import interleaved

NAMES = ("sky", "building", "pole", "road", "sidewalk", "vegetation", "sign", "fence", "vehicle", "person", "cyclist")
OTHER = 255
PASCAL = {6: 8, 7: 8, 15: 9}
"""Class of PASCAL VOC -> CamVid's: bus and car, person. A bicycle without its rider is no cyclist."""
PEERS = {"deeplab_mobilenet_edgetpu_slim_cityscapes_quant.tflite": dict(enumerate(CAMVID_OF_CITYSCAPES)),
         "deeplabv3_mnv2_pascal_quant.tflite": PASCAL}
"""File -> what it says -> CamVid's class."""


@dataclass(frozen=True)
class Peer:
    """table: what the network says -> CamVid's class, OTHER for none of them; look: image (H, W, 3) uint8 BGR -> (H, W) of that."""

    name: str
    look: Callable[[np.ndarray], np.ndarray]
    table: np.ndarray
    bytes: int


def litert(path: Path, table: Mapping[int, int], threads: int) -> Peer:
    """A TFLite file that reads uint8 RGB and gives a label map."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ModuleNotFoundError as error:
        raise UserError("the published networks need LiteRT; pip install ai-edge-litert") from error
    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    read, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    hw = (int(read["shape"][1]), int(read["shape"][2]))

    def look(image: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(read["index"], np.ascontiguousarray(resize(image, hw)[None, :, :, ::-1]))
        interpreter.invoke()
        labels = interpreter.get_tensor(given["index"])[0].astype(np.uint8)
        return resize(labels, image.shape[:2], is_mask=True)

    known = np.full(256, OTHER, np.uint8)
    for label, name in table.items():
        known[label] = name
    return Peer(path.stem, look, known, path.stat().st_size)


def ours(path: Path, threads: int) -> Peer:
    """A deploy model whose first segmentation task has CamVid's classes, in its order."""
    model = DeployModel.load(path, threads=threads)
    task = next((task for task, classes in model.classes.items() if tuple(classes) == NAMES), None)
    if task is None:
        raise UserError(f"--model {path}: has no segmentation task with CamVid's classes {', '.join(NAMES)}")
    return Peer(path.stem, lambda image: model.predict(image).label_maps[task], np.arange(256, dtype=np.uint8), path.stat().st_size)


def class_ious(peer: Peer, images: Sequence[Path]) -> dict[str, float]:
    """CamVid's class -> IoU in percent over all labelled pixels, of the classes that the network knows and that there are."""
    both, either = np.zeros(CAMVID_CLASSES), np.zeros(CAMVID_CLASSES)
    for path in images:
        mask = read_image(path.parent.parent / "masks" / f"{path.stem}.png")[:, :, 0]
        found, known = peer.table[peer.look(read_image(path))], mask < CAMVID_CLASSES
        for c in range(CAMVID_CLASSES):
            both[c] += ((found == c) & (mask == c)).sum()
            either[c] += (((found == c) | (mask == c)) & known).sum()
    return {NAMES[c]: float(100 * both[c] / either[c]) for c in range(CAMVID_CLASSES) if c in peer.table and either[c]}


def table(peers: Sequence[Peer], images: Sequence[Path], runs: int) -> str:
    """In Markdown. runs: rounds of the latency measurement, from the picture to its labels; 0 measures none."""
    picture = read_image(images[0])
    times = interleaved({peer.name: lambda p=peer: p.look(picture) for peer in peers}, runs, None) if runs else {}
    lines = ["| network | MB | ms | mean of its classes | " + " | ".join(NAMES) + " |", "|---|" + "---:|" * (3 + len(NAMES))]
    for peer in peers:
        ious = class_ious(peer, images)
        cells = [peer.name, f"{peer.bytes / 1e6:.2f}", f"{statistics.median(times[peer.name]):.1f}" if runs else "-",
                 f"{statistics.mean(ious.values()):.1f}", *(f"{ious[name]:.1f}" if name in ious else "-" for name in NAMES)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, help="folder of the TFLite files")
    parser.add_argument("--camvid", type=Path, required=True, help="folder with images/ and masks/")
    parser.add_argument("--model", type=Path, nargs="+", required=True, help="deploy models of ours")
    parser.add_argument("--images", type=int, default=26)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--no-bench", dest="runs", action="store_const", const=0)
    args = parser.parse_args(argv)
    files = image_files(args.camvid / "images")
    files = files[::max(1, len(files) // args.images)][:args.images]
    peers = [*(litert(args.peers / name, classes, args.threads) for name, classes in PEERS.items()),
             *(ours(path, args.threads) for path in args.model)]
    print(table(peers, files, args.runs))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
