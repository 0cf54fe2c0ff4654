"""Nodes of a task's graph that are written in ordinary PyTorch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from mtzoo.errors import UserError
from mtzoo.graph.program import LeafTracer
from mtzoo.layers import Leaf
from mtzoo.lowering.lower import EXAMPLE_HW, lower, lower_list
from mtzoo.lowering.lowered import Lowered
from mtzoo.lowering.meta import dry_copy, examples, module_result
from mtzoo.lowering.strides import stride_of
from mtzoo.structures import FeatureSpec

OTHER_HW = EXAMPLE_HW[::-1]


class OfSeveral(nn.Module):
    """Runs a node that reads a list of `count` maps on one map."""

    def __init__(self, node: nn.Module, count: int) -> None:
        super().__init__()
        self.node, self.count = node, count

    def forward(self, x: Tensor) -> object:
        return self.node([x] * self.count)


def as_leaves(node: nn.Module, in_specs: Sequence[FeatureSpec], *, reads_image: bool) -> nn.Module:
    """`node` itself if leaves do all that it computes, else its lowered form, with its `out_specs`.

    in_specs: of the maps that its forward reads, as a list, or as one map if it reads the image. A node that returns a list and has no
    `out_specs` gets some: features "s4", "s8" by their strides. Raises UserError for what cannot be lowered.
    """
    if isinstance(node, Lowered) or is_made_of_leaves(node if reads_image else OfSeveral(node, len(in_specs))):
        return node
    shapes = _shapes(in_specs, EXAMPLE_HW)
    lowered = lower(node, EXAMPLE_HW, shapes[0][0]) if reads_image else lower_list(node, shapes)
    _check_other_size(node, lowered, in_specs, reads_image=reads_image)
    lowered.original = type(node).__name__
    lowered.needs_stride = getattr(node, "needs_stride", 1)
    specs = getattr(node, "out_specs", None)
    lowered.out_specs = _derived_specs(lowered, shapes, reads_image) if specs is None else list(specs)
    return lowered.train(node.training)


def _shapes(in_specs: Sequence[FeatureSpec], hw: tuple[int, int]) -> list[tuple[int, int, int]]:
    """(C, H, W) of the maps for an image of `hw`."""
    return [(spec.channels, hw[0] // spec.stride, hw[1] // spec.stride) for spec in in_specs]


@torch.no_grad()
def _check_other_size(node: nn.Module, lowered: Lowered, in_specs: Sequence[FeatureSpec], *, reads_image: bool) -> None:
    """Raises UserError if an image of another size than that of the trace gives maps of other sizes than those of the node itself:
    what a forward computes of sizes is a constant in its lowered form."""
    if any(tensor.is_meta for tensor in node.parameters()):  # built to be compared with a file; there this would take seconds
        return
    maps = examples(_shapes(in_specs, OTHER_HW))
    read = maps[0] if reads_image else list(maps)
    try:
        wanted = _sizes(module_result(dry_copy(node), read))
    except Exception:  # whatever a forward does that is for one size alone
        return
    try:
        found = _sizes(module_result(dry_copy(lowered), read))
    except (RuntimeError, ValueError) as error:
        found = " ".join(str(error).split())[:150]
    if found != wanted:
        raise UserError(f"{type(node).__name__}: an image of {OTHER_HW[0]}x{OTHER_HW[1]} gives maps of {wanted}, and lowered {found}: "
                        "a size that its forward computes became a constant; use scale_factor, the size of another map "
                        "(size=y.shape[2:]), or AdaptiveAvgPool2d")


def _sizes(result: object) -> str:
    """E.g. "48x64, 24x32"."""
    shapes = [(*value.shape, 1, 1)[2:4] for value in pytree.tree_leaves(result) if isinstance(value, Tensor)]
    return ", ".join(f"{height}x{width}" for height, width in shapes)


def is_made_of_leaves(node: nn.Module) -> bool:
    """Whether every operation of its forward is a leaf of mtzoo.layers."""
    try:
        graph = LeafTracer().trace(node)
    except Exception:  # whatever a forward does with a traced value that has no shape; lowering it tells what is wrong
        return False
    modules = dict(node.named_modules())
    calls = [n for n in graph.nodes if n.op not in ("placeholder", "output")]
    return all(n.op == "call_module" and isinstance(modules[str(n.target)], Leaf) for n in calls)


def _derived_specs(lowered: Lowered, shapes: Sequence[tuple[int, int, int]], reads_image: bool) -> list[FeatureSpec]:
    """Of a list of maps; a dict of maps is a head's, which has no features."""
    if not isinstance(lowered.result, list):
        return []
    maps = examples(shapes)
    with torch.no_grad():
        features = pytree.tree_leaves(module_result(dry_copy(lowered), maps[0] if reads_image else list(maps)))
    strides = [stride_of(tuple(feature.shape), EXAMPLE_HW) for feature in features]
    names = [f"s{stride}" if strides.count(stride) == 1 else f"s{stride}_{place}" for place, stride in enumerate(strides)]
    return [FeatureSpec(int(f.shape[1]), stride or 1, name) for f, stride, name in zip(features, strides, names, strict=True)]
