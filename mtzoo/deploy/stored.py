"""The tensors that a deploy model stores. A weight that is stored in parts over its input channels is one again."""

import re
from collections.abc import Iterable

import numpy as np
import onnx
from onnx import numpy_helper

PART = re.compile(r"(.+\.weight)#[0-9]+")


def stored_arrays(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Name -> value of every initializer."""
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for name, pieces in _in_parts(tensors).items():
        tensors[name] = np.concatenate([tensors[name], *(tensors.pop(piece) for piece in pieces)], axis=1)
    return tensors


def stored_shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every initializer, without looking at its value."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for name, pieces in _in_parts(shapes).items():
        first = shapes[name]
        shapes[name] = (first[0], first[1] + sum(shapes.pop(piece)[1] for piece in pieces), *first[2:])
    return shapes


def _in_parts(names: Iterable[str]) -> dict[str, list[str]]:
    """Name of the first part -> those of the others, in order."""
    found: dict[str, list[str]] = {}
    for name in names:
        if match := PART.fullmatch(name):
            found.setdefault(match[1], []).append(name)
    return found
