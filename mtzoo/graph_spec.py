"""A network written down as plain data: the nodes of each task, and layers whose widths differ from what the nodes say."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mtzoo.errors import UserError

IMAGE = "image"
"""What a node reads that reads the image."""
LayerChannels = tuple[int, int, int]
"""(input channels, output channels, groups) of a convolution."""
ChannelPlan = Mapping[str, LayerChannels]
"""Module path ("nodes.backbone.stem") -> its widths, of the layers that are narrower than their specs; REMOVED: a residual block that
passes its input on."""
REMOVED: LayerChannels = (0, 0, 0)


@dataclass(frozen=True)
class NodeSpec:
    """A node of a task's graph.

    Attributes:
        name: Its name. Nodes with the same name in several tasks are one module.
        type: The name of a registered class.
        inputs: What it reads: `"image"`, nodes (all their features), or single features such as `"backbone.mod3"`.
        params: The arguments of its constructor.

    Raises:
        UserError: The name cannot be part of a module path such as `nodes.backbone.stem`.
    """

    name: str
    type: str
    inputs: tuple[str, ...] = (IMAGE,)
    params: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name) or self.name == IMAGE:
            raise UserError(f"node '{self.name}': letters, digits, _ and - only; rename it")

    def __str__(self) -> str:
        params = ", ".join(f"{k}={v!r}" for k, v in self.params.items())
        return f"{self.type}(inputs={list(self.inputs)}{', ' if params else ''}{params})"
