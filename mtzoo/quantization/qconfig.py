"""What is quantized, and how. A default for the whole network, overridden by node name: a head's config says its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mtzoo.errors import UserError, did_you_mean
from mtzoo.quantization.other_names import in_own_names
from mtzoo.settings.post_training import OBSERVERS

CHOICES = {
    "scale_mode": ("power_of_two", "float"),
    "weight_granularity": ("channel", "tensor"),
    "observer": OBSERVERS,
    "head_output": ("quantized", "accumulator"),
    "skip_sum": ("quantized", "accumulator"),
}
OP_TYPES = ("conv2d", "group_conv2d")


@dataclass(frozen=True)
class QConfig:
    """How a part of the network is quantized.

    Only symmetric ranges of 8 bits (weights: 8 or fewer) with power-of-two scales make the exact integer network.

    Attributes:
        weight_bits: 8, 7 (for x86 CPUs without VNNI), down to 4, or 16.
        activation_bits: 8 or 16.
        activation_symmetric: Whether ranges of signed feature maps are symmetric. False: they have a zero point.
        scale_mode: `"power_of_two"` is exact on every executor. `"float"` uses the exact scale of the range.
        weight_granularity: A scale for each output `"channel"`, or one for the `"tensor"`.
        observer: The rule for ranges of feature maps: `"abs_max"`, `"moving_average_abs_max"`, `"percentile"` or `"mse"`.
        moving_rate: The share of the average that stays at each batch, for the moving average and the percentile.
        percentile: The percentile, in percent.
        op_types: The convolutions that are quantized: `"conv2d"` (one group), `"group_conv2d"` (several). Others stay in float.
        not_quant_pattern: fnmatch patterns of module paths that stay in float, e.g. `"nodes.seg_head.blocks.*"`.
        int16_pattern: fnmatch patterns of module paths with 16-bit weights and activations. Float takes precedence.
        head_output: The last convolution of a head is rounded to 8 bits (`"quantized"`), or keeps its 32-bit sum (`"accumulator"`).
        skip_sum: A skip is added to a convolution's result rounded to 8 bits (`"quantized"`), or to its 32-bit sum (`"accumulator"`).
            With both `"quantized"` no float leaves a convolution, and runtimes that compute floats in bf16 give the same answers.
        max_lost_bits: The bits that the weights of a wide layer may lose, on average over its channels, so that its sum stays exact.
            Beyond that, the layer is computed in parts.

    Raises:
        UserError: A value is impossible, or values do not go together.
    """

    weight_bits: int = 8
    activation_bits: int = 8
    activation_symmetric: bool = True
    scale_mode: str = "power_of_two"
    weight_granularity: str = "channel"
    observer: str = "moving_average_abs_max"
    moving_rate: float = 0.9
    percentile: float = 99.99
    op_types: tuple[str, ...] = OP_TYPES
    not_quant_pattern: tuple[str, ...] = ()
    int16_pattern: tuple[str, ...] = ()
    head_output: str = "quantized"
    skip_sum: str = "quantized"
    max_lost_bits: float = 0.0

    def __post_init__(self) -> None:
        for key, known in CHOICES.items():
            if getattr(self, key) not in known:
                raise UserError(f"qconfig.{key}={getattr(self, key)!r}: not one of the choices"
                                f"{did_you_mean(str(getattr(self, key)), known)}")
        for key in ("op_types", "not_quant_pattern", "int16_pattern"):
            object.__setattr__(self, key, _strings(key, getattr(self, key)))
        for name in self.op_types:
            if name not in OP_TYPES:
                raise UserError(f"qconfig.op_types: no operator is called '{name}'{did_you_mean(name, OP_TYPES)}")
        if self.weight_bits not in (*range(4, 9), 16):
            raise UserError(f"qconfig.weight_bits={self.weight_bits}: weights are stored as int8 or int16; take 8, 7 (x86 without "
                            "VNNI), less down to 4, or 16")
        if self.activation_bits not in (8, 16):
            raise UserError(f"qconfig.activation_bits={self.activation_bits}: 8, or 16 where 8 cost accuracy; the runtimes clamp "
                            "at the ends of these types, so no other width would give what training saw")
        if not 0 <= self.max_lost_bits <= 8:
            raise UserError(f"qconfig.max_lost_bits={self.max_lost_bits}: bits of a weight, 0..8")
        if not 0 < self.moving_rate < 1:
            raise UserError(f"qconfig.moving_rate={self.moving_rate}: must lie between 0 and 1")
        if not 50 < self.percentile <= 100:
            raise UserError(f"qconfig.percentile={self.percentile}: in percent, above 50 and at most 100")
        if self.observer == "mse" and not (self.power_of_two and self.activation_symmetric):
            raise UserError("qconfig.observer='mse' chooses among powers of two of a symmetric range; use scale_mode='power_of_two' "
                            "and activation_symmetric=True, or observer='percentile'")

    @property
    def power_of_two(self) -> bool:
        return self.scale_mode == "power_of_two"

    def int16(self) -> "QConfig":
        """The same in 16 bits, weights and activations."""
        return replace(self, weight_bits=16, activation_bits=16)

    @classmethod
    def in_own_names(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """A config's dict with what PaddleSlim calls a key or a value replaced by what it is called here."""
        return in_own_names(values)


def _strings(key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(v, str) for v in value):
        raise UserError(f"qconfig.{key}={value!r}: give a list of strings")
    return tuple(value)


@dataclass(frozen=True)
class QConfigMap:
    """The quantization of all nodes.

    Attributes:
        default: The quantization of every node without its own.
        overrides: Name of a node -> its whole `QConfig`.
    """

    default: QConfig = QConfig()
    overrides: Mapping[str, QConfig] = field(default_factory=dict)

    def of_module(self, path: str) -> QConfig:
        """The config of the node that owns a module path ("nodes.seg_head.classify" -> node "seg_head")."""
        return self.overrides.get(node_of(path), self.default)


def node_of(path: str) -> str:
    """The node a module path lies in; "" for a path outside the nodes."""
    parts = path.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "nodes" else ""
