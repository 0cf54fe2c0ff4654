"""Small ONNX files, as exporters write them."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(0)


def op(kind: str, inputs: Sequence[str], output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), [output], name=f"{kind}_{output}", **attributes)


def weights(*shape: int, scale: float = 0.3) -> np.ndarray:
    return (RNG.standard_normal(shape) * scale).astype(np.float32)


def model(nodes: Sequence[onnx.NodeProto], constants: dict[str, np.ndarray], outputs: Sequence[str], *, opset: int = 13,
          shape: Sequence[int | str] = (1, 3, 16, 24)) -> onnx.ModelProto:
    """Reads "image". Constants with integers in them are shapes."""
    graph = helper.make_graph(list(nodes), "net", [helper.make_tensor_value_info("image", TensorProto.FLOAT, list(shape))],
                              [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
                              [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def saved(made: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(made.SerializeToString())
    return path


def one_convolution(path: Path, output: str, channels: int) -> Path:
    """A file whose network is one 3x3 convolution with random weights."""
    node = op("Conv", ["image", "w"], output, pads=[1, 1, 1, 1])
    return saved(model([node], {"w": weights(channels, 3, 3, 3)}, [output]), path)


def noise_pictures(folder: Path, hw: tuple[int, int], largest: int = 255) -> None:
    """Four pictures in a new folder."""
    folder.mkdir()
    for i in range(4):
        cv2.imwrite(str(folder / f"{i}.png"), np.random.default_rng(i).integers(0, largest + 1, (*hw, 3), dtype=np.uint8))


def int64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)
