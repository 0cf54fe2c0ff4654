"""Raw logits of one classification task -> class and probabilities."""


import numpy as np

from mtzoo.postprocess.decoders import ClassDecoder
from mtzoo.structures import Classification


def classify(logits: np.ndarray, decoder: ClassDecoder) -> Classification:
    """(K,) of one image -> its class, the lowest among equals, and probabilities, which are computed in float64."""
    scaled = logits.astype(np.float64) / decoder.temperature
    powers = np.exp(scaled - scaled.max())
    return Classification(int(logits.argmax()), (powers / powers.sum()).astype(np.float32))
