"""Raw logits of one classification task -> class and probabilities."""

from dataclasses import dataclass

import numpy as np

from mtzoo.errors import UserError
from mtzoo.structures import Classification


@dataclass(frozen=True)
class ClassDecoder:
    """The post-processing of a classification task. The class is that of the largest logit.

    Attributes:
        temperature: Logits are divided by this before the softmax (temperature scaling, arXiv 1706.04599). Above 1, the scores become
            less sure; the classes stay.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0.01 <= self.temperature <= 100:
            raise UserError(f"temperature={self.temperature}: expected 0.01 to 100")


def classify(logits: np.ndarray, decoder: ClassDecoder) -> Classification:
    """(K,) of one image -> its class, the lowest among equals, and probabilities, which are computed in float64."""
    scaled = logits.astype(np.float64) / decoder.temperature
    powers = np.exp(scaled - scaled.max())
    return Classification(int(logits.argmax()), (powers / powers.sum()).astype(np.float32))
