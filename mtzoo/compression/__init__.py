"""Compression of a trained network: what can be had without training it again. See docs/compression.md.

    quantized = quantize(folded, QConfigMap(), batches, Corrections())    ranges observed, biases corrected; `folded` is untouched
    noise = part_noise(...)                                               which part of the network rounding hurts
"""

from mtzoo.compression.bias_correction import correct_biases
from mtzoo.compression.equalize import EQUALIZE, equalize
from mtzoo.compression.post_training import Corrections, quantize
from mtzoo.compression.sensitivity import exact_outputs, network_parts, part_noise, part_pattern
from mtzoo.compression.sparsity import Sparsifier, Sparsity, sparse_layers

__all__ = ["EQUALIZE", "Corrections", "Sparsifier", "Sparsity", "correct_biases", "equalize", "exact_outputs", "network_parts",
           "part_noise", "part_pattern", "quantize", "sparse_layers"]
