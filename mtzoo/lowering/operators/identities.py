"""Operators that leave a trained network's values alone."""

from copy import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from mtzoo.lowering.operators.table import operator
from mtzoo.lowering.read import Site


@operator(nn.Identity, nn.Dropout, nn.Dropout2d, nn.AlphaDropout, F.dropout, F.dropout2d, torch.dropout,
          "torchvision.ops.stochastic_depth.stochastic_depth", "contiguous", "detach", "to", "float", "type_as",
          "requires_grad_")
def identity(site: Site, input: Any, *args: Any, **kwargs: Any) -> Any:
    """Dropout and stochastic depth act in training only; a lowered network is trained without."""
    return input


@operator("clone", torch.clone)
def clone(site: Site, input: Any, *, memory_format: Any = None) -> Any:
    """Another value than the input: what overwrites one of them in place leaves the other alone."""
    return copy(input)
