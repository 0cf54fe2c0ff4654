"""The inputs and outputs of a network from elsewhere: a deploy model keeps them, so that it can take the original's place.

The original reads (x / 255 - mean) / std as float32. Its deploy model reads the same tensor and recovers the pixels. They are whole
numbers, so nothing is lost. The reshapes at the end of the original follow the integer network, and so does a final softmax or
sigmoid in float.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.errors import UserError, shown

TAIL_KINDS = ("Reshape", "Transpose", "Concat", "Slice", "Gather", "Softmax", "Sigmoid", "Identity")
STEP, ZERO = 2.0**-7, 128
"""Step and zero point of the image's grid."""
MOST_TAIL, MOST_OUTPUTS = 4096, 256
Shape = tuple[int, ...]


@dataclass(frozen=True)
class TailOp:
    """One operator behind the network. inputs: names of maps or of what earlier ones gave; constants: further inputs, int64."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    constants: tuple[tuple[int, ...], ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in TAIL_KINDS or not self.inputs:
            raise UserError(f"an operator {shown(self.kind)} stands behind no network")
        for value in self.attributes.values():
            numbers = value if isinstance(value, list | tuple) else [value]
            if not all(isinstance(number, int) for number in numbers):
                raise UserError(f"{self.kind}: its attribute is {shown(value)}; expected whole numbers")


@dataclass(frozen=True)
class ForeignOutput:
    """An output under the network's own name. exact: whether no softmax or sigmoid, which are computed in float, stands before it."""

    name: str
    shape: Shape
    exact: bool = True


@dataclass(frozen=True)
class Signature:
    """input_name: of the image (1, 3, H, W); mean, std: of its channels, in their own order; order: of the channels; dtype: "float32"
    for (x / 255 - mean) / std, "uint8" for the pixels themselves; tail: from the network's maps to its outputs."""

    input_name: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    order: Literal["rgb", "bgr"]
    dtype: Literal["float32", "uint8"]
    outputs: tuple[ForeignOutput, ...]
    tail: tuple[TailOp, ...] = ()

    def __post_init__(self) -> None:
        """Raises UserError for a mean or deviation that cannot be of an image, and for no output or too many."""
        if not all(np.isfinite([*self.mean, *self.std])) or min(self.std) <= 0:
            raise UserError(f"mean={shown(list(self.mean))}, std={shown(list(self.std))}: expected finite numbers, std above 0")
        if not 0 < len(self.outputs) <= MOST_OUTPUTS or len(self.tail) > MOST_TAIL:
            raise UserError(f"{len(self.outputs)} outputs, {len(self.tail)} operators behind the network")
        if len({self.input_name, *(output.name for output in self.outputs)}) != 1 + len(self.outputs):
            raise UserError("its input and its outputs do not have different names")

    def encode(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """(H, W, 3) uint8 BGR -> the input by name."""
        own = image[:, :, ::-1] if self.order == "rgb" else image
        pixels = np.ascontiguousarray(own.transpose(2, 0, 1)[None])
        return {self.input_name: pixels if self.dtype == "uint8" else self.normalized(pixels)}

    def normalized(self, pixels: np.ndarray) -> np.ndarray:
        """(N, 3, H, W) uint8 in the network's own order -> what the original reads."""
        mean, std = (np.array(values, np.float64).reshape(1, 3, 1, 1) for values in (self.mean, self.std))
        return ((pixels / 255 - mean) / std).astype(np.float32)

    def pixels(self, values: np.ndarray) -> np.ndarray:
        """What the network sees of its input: (N, 3, H, W) uint8, in its own order."""
        if self.dtype == "uint8":
            return values
        scale, shift = self._to_steps()
        return np.clip(np.rint((values * scale + shift) / np.float32(STEP)) + ZERO, 0, 255).astype(np.uint8)

    def _to_steps(self) -> tuple[np.ndarray, np.ndarray]:
        """(1, 3, 1, 1) each: value * scale + shift is (pixel - 128) / 128."""
        mean, std = (np.array(values, np.float64).reshape(1, 3, 1, 1) for values in (self.mean, self.std))
        return (std * 255 * STEP).astype(np.float32), ((mean * 255 - ZERO) * STEP).astype(np.float32)

    def emit_image(self, b: GraphBuilder, input_hw: tuple[int, int]) -> str:
        """Add the input. Returns a uint8 tensor (1, 3, H, W) in the network's own order of channels."""
        b.add_input(self.input_name, np.dtype(self.dtype).type, (1, 3, *input_hw))
        if self.dtype == "uint8":
            return self.input_name
        scale, shift = self._to_steps()
        moved = b.op("Add", [b.op("Mul", [self.input_name, b.constant(scale)]), b.constant(shift)])
        return b.op("QuantizeLinear", [moved, b.float(STEP), b.constant(np.uint8(ZERO))], "image.pixels")

    def emit_tail(self, b: GraphBuilder, maps: Mapping[str, str]) -> None:
        """Add what makes the outputs of the float maps. maps: the tail's name of a map -> its tensor."""
        tensors = dict(maps)
        own = {output.name for output in self.outputs}
        for op in self.tail:
            name = op.output if op.output in own else f"tail.{op.output}"
            try:
                inputs = [tensors[read] for read in op.inputs]
            except KeyError as error:
                raise UserError(f"nothing computes {shown(error.args[0])}, which an operator behind the network reads") from error
            constants = [b.integers(*values) for values in op.constants]
            tensors[op.output] = b.op(op.kind, [*inputs, *constants], name, op.attributes)
        for output in self.outputs:
            if output.name not in tensors:
                raise UserError(f"nothing computes the output {shown(output.name)}")
            b.add_output(output.name, np.float32, output.shape)

    def run_tail(self, maps: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs that NumPy makes of the float maps: what runtimes are compared with."""
        from onnx.reference import (
            ReferenceEvaluator,  # here, because it takes long to import, and only comparisons need it
        )

        b = GraphBuilder()
        for name, value in maps.items():
            b.add_input(f"map.{name}", np.float32, value.shape)
        self.emit_tail(b, {name: f"map.{name}" for name in maps})
        values = ReferenceEvaluator(b.model("tail")).run(None, {f"map.{name}": value for name, value in maps.items()})
        return dict(zip((output.name for output in self.outputs), values))


def three(values: float | Sequence[float], what: str) -> tuple[float, float, float]:
    """One number for all channels, or three. Raises UserError for any other count."""
    numbers = (float(values),) if isinstance(values, int | float) else tuple(float(value) for value in values)
    if len(numbers) not in (1, 3):
        raise UserError(f"{what} {', '.join(f'{n:g}' for n in numbers)}: expected one number, or three, one for each channel")
    first, second, third = numbers * 3 if len(numbers) == 1 else numbers
    return first, second, third
