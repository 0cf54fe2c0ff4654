"""Compression of a trained network: what can be had without training it again. See docs/compression.md.

    quantized = quantize(folded, QConfigMap(), batches, Corrections())    ranges observed, biases corrected; `folded` is untouched
    noise = part_noise(...)                                               which part of the network rounding hurts

    groups = channel_groups(read_program(net), weight_scores(net, "l2"))  channels that can only go together
    steps = order_steps(groups, scores, ChannelState(...), "global")            in which order they go
    prune(net, removed_channels(choice_of(steps), groups))                without them; the network is trained on afterwards
"""

from mtzoo.compression.bias_correction import correct_biases
from mtzoo.compression.channels import ChannelGroup, channel_groups, removed_channels
from mtzoo.compression.equalize import equalize
from mtzoo.compression.importance import taylor_scores, weight_scores
from mtzoo.compression.post_training import quantize
from mtzoo.compression.pruning import prune
from mtzoo.compression.quantization_noise import exact_outputs, network_parts, part_noise, part_pattern
from mtzoo.compression.selection import Choice, Step, choice_of, order_steps
from mtzoo.compression.sparsity import Sparsifier, Sparsity, sparse_layers
from mtzoo.compression.widths import ChannelState, Cost
from mtzoo.graph import output_positions
from mtzoo.settings.post_training import Corrections

__all__ = ["ChannelGroup", "ChannelState", "Choice", "Corrections", "Cost", "Sparsifier", "Sparsity", "Step", "channel_groups",
           "choice_of", "correct_biases", "equalize", "exact_outputs", "network_parts", "order_steps", "output_positions", "part_noise",
           "part_pattern", "prune", "quantize", "removed_channels", "sparse_layers", "taylor_scores", "weight_scores"]
