"""What a config says of distillation: learning from another network's answers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mtzoo.errors import UserError

FeatureLoss = Literal["correlation", "channel"]


@dataclass(frozen=True)
class Distillation:
    """Learning from the outputs of another network, in addition to the labels.

    Attributes:
        teacher: A checkpoint of mtzoo: float, quantized or integer. It must have the outputs that are learnt.
        weight: The factor of the whole distillation loss.
        outputs: Task (`"det_person"`) or output (`"det_person.box_s8"`) -> factor. An output takes precedence over its task; others are
            not learnt. None: all tasks, with 1.
        features: Layer or block inside a node (`"neck.levels.1"`) -> factor.
        temperature: Logits of pixels and images are divided by this.
        channel_weight: The factor of the channel-wise loss on segmentation logits (arXiv 2011.13256).
        feature_loss: `"correlation"` (arXiv 2207.02039), or `"channel"` (arXiv 2011.13256).
        unlabelled: Whether images without labels of a task are used, too.
    """

    teacher: str
    weight: float = 1.0
    outputs: Mapping[str, float] | None = None
    features: Mapping[str, float] = field(default_factory=dict)
    temperature: float = 1.0
    channel_weight: float = 0.0
    feature_loss: FeatureLoss = "correlation"
    unlabelled: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise UserError(f"temperature={self.temperature}: expected a number above 0")
        factors = {"weight": self.weight, "channel_weight": self.channel_weight,
                   **{f"outputs.{name}": value for name, value in (self.outputs or {}).items()},
                   **{f"features.{name}": value for name, value in self.features.items()}}
        for name, value in factors.items():
            if not 0 <= value < math.inf:
                raise UserError(f"{name}={value}: expected a number of 0 or more")
        if self.outputs is not None and not any(self.outputs.values()) and not any(self.features.values()):
            raise UserError("outputs and features name nothing to learn; remove 'outputs' to learn all tasks'")

    def output_weight(self, task: str, output: str) -> float:
        """The factor of one output."""
        if self.outputs is None:
            return 1.0
        return self.outputs.get(f"{task}.{output}", self.outputs.get(task, 0.0))
