"""The float file: what it reads, and what of it is not exact."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from mtzoo.console import PlainConsole
from mtzoo.engine.device import single_device
from mtzoo.errors import UserError
from mtzoo.foreign import Foreign, from_onnx
from mtzoo.foreign.distil import LEARNING_RATE, check_learning_rate


@dataclass(frozen=True)
class FloatOnnx:
    """A float ONNX file and the normalisation of its input, (x / 255 - mean) / std.

    Attributes:
        path: The file.
        mean: One number, or three in the order of the channels.
        std: One number, or three in the order of the channels.
        order: The order of the input channels.
        input_hw: Height and width of the input, if the file leaves them open.
    """

    path: str | Path
    mean: Sequence[float]
    std: Sequence[float]
    order: Literal["rgb", "bgr"] = "rgb"
    input_hw: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """The name of the file without its suffix."""
        return Path(self.path).stem

    def open(self, console: PlainConsole) -> Foreign:
        """Read the file and print what it is. Raises UserError as `from_onnx`."""
        source = from_onnx(self.path, mean=self.mean, std=self.std, order=self.order, input_hw=self.input_hw)
        for line in described(source, Path(self.path)):
            console.print(line)
        return source


@dataclass(frozen=True)
class Distillation:
    """Training of the integer network with the float network as teacher.

    Attributes:
        iterations: The length. 0: no training.
        learning_rate: The largest step of Adam, as a share of the root mean square of each layer's weights. Default: 1e-4.
        ctx: The device: `"cpu"`, `"0"`, or `"auto"` (a GPU if there is one).
        soft_labels: Compare classes, too: outputs of several channels are logits.
    """

    iterations: int = 0
    learning_rate: float | None = None
    ctx: str | None = None
    soft_labels: bool = False

    def __post_init__(self) -> None:
        check_learning_rate(self.rate)
        if self.learning_rate is not None and not self.iterations:
            raise UserError("--learning-rate has no effect without --iters; leave it out")
        if self.soft_labels and not self.iterations:
            raise UserError("--soft-labels has no effect without --iters; leave it out")
        single_device(self.ctx or "auto")  # tells of a device that there is not

    @property
    def rate(self) -> float:
        """The learning rate, that of the default if none is given."""
        return LEARNING_RATE if self.learning_rate is None else self.learning_rate

    @property
    def device(self) -> torch.device:
        """The device on which ranges are observed and distillation runs."""
        return single_device(self.ctx or "auto")


def described(source: Foreign, path: Path) -> list[str]:
    """What was read, and what of it is not exact."""
    net, (height, width) = source.network, source.input_hw
    lines = [f"{path}: reads '{net.input_name}' (1, 3, {height}, {width}), {source.order.upper()}, (x / 255 - {list(source.mean)}) / "
             f"{list(source.std)}"]
    for output in net.outputs:
        told = "exact" if output.exact else "behind a softmax or sigmoid, which stays in float; what that reads is exact"
        lines.append(f"output '{output.name}' {output.shape}: {told}")
    return lines
