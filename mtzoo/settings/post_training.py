"""How a trained network is quantized without training."""

from dataclasses import dataclass

from mtzoo.errors import UserError, did_you_mean

EQUALIZE = ("none", "weights", "activations", "network")
OBSERVERS = ("abs_max", "moving_average_abs_max", "percentile", "mse")
"""Rules for the ranges of feature maps."""
FALLBACKS = {"float": "not_quant_pattern", "16bit": "int16_pattern"}
"""What a part that 8 bits hurt can be computed in -> the key of `quantization` that names it."""


@dataclass(frozen=True)
class Corrections:
    """What is done besides rounding. Neither is on by default: some networks gain by it, others lose (docs/ptq.md, docs/dashcam.md).

    Attributes:
        equalize: `"none"`, `"weights"`, `"activations"` (cross-layer equalization, arXiv 1906.04721), or `"network"` (a factor for each
            channel of every map).
        biases: Whether the mean of each channel is corrected in its bias after rounding (arXiv 1906.04721).
    """

    equalize: str = "none"
    biases: bool = False

    def __post_init__(self) -> None:
        if self.equalize not in EQUALIZE:
            raise UserError(f"equalize='{self.equalize}': no such way{did_you_mean(self.equalize, EQUALIZE)}")


OF_FOREIGN = Corrections("network", biases=True)
"""Of networks that were trained elsewhere, and not with rounding in mind: their channels may have any range."""
OBSERVER_OF_FOREIGN = "mse"
"""With a few outliers in a map, as where a PReLU ends it, what clips them is finer for all others."""
