"""Features of a backbone: which results they are, and their strides."""

from collections.abc import Sequence

import torch
from torch import nn

from mtzoo.errors import UserError
from mtzoo.lowering.lower import shapes_of
from mtzoo.lowering.meta import dry_copy, examples, module_result
from mtzoo.lowering.trace import Traced
from mtzoo.structures import FeatureSpec

USUAL_STRIDES = (4, 8, 16, 32)


def usual_features(module: nn.Module, traced: Traced, hw: tuple[int, int]) -> list[str]:
    """Of each stride of 4, 8, 16 and 32 the module that gives the last map, by its shortest path.

    What is inside of a block that has another stride, such as the first convolution of a strided block, is none.
    """
    strides = {path: stride_of(shape, hw) for path, shape in shapes_of(traced).items()}
    found: dict[int, str] = {}
    for path, stride in strides.items():
        if stride not in USUAL_STRIDES or any(strides.get(above, stride) != stride for above in _blocks_above(module, path)):
            continue
        same = found.get(stride)
        if same is None or traced.results[same] is not traced.results[path] or len(path) < len(same):
            found[stride] = path
    if not found:
        raise UserError("no map has stride 4, 8, 16 or 32: the network is not a backbone; give features=[...], module paths")
    return [found[stride] for stride in sorted(found)]


def _blocks_above(module: nn.Module, path: str) -> list[str]:
    """Paths of the modules around it that are more than a sequence of others."""
    parts = path.split(".")
    above = [".".join(parts[:count]) for count in range(1, len(parts))]
    return [p for p in above if type(module.get_submodule(p)) is not nn.Sequential]


def feature_specs(lowered: nn.Module, names: Sequence[str], in_shape: tuple[int, int, int]) -> list[FeatureSpec]:
    """Channels and stride of each map that `lowered` returns. in_shape: (C, H, W) of an image.

    Raises UserError for a map without a stride, such as a global mean.
    """
    with torch.no_grad():
        maps = module_result(dry_copy(lowered), examples([in_shape])[0])
    specs = []
    for name, feature in zip(names, maps, strict=True):
        stride = stride_of(tuple(feature.shape), in_shape[1:])
        if stride is None:
            raise UserError(f"feature '{name}': an image of {in_shape[1]}x{in_shape[2]} gives a map of {feature.shape[2]}x"
                            f"{feature.shape[3]}, which has no stride; choose another feature")
        specs.append(FeatureSpec(int(feature.shape[1]), stride, name))
    return specs


def stride_of(shape: Sequence[int], hw: tuple[int, int]) -> int | None:
    """How many pixels of the image, whose height and width differ, one cell more takes; None if that is no whole number.

    Not the size of the image by that of the map: networks that do not pad have maps that are a few cells smaller.
    """
    pixels, cells = hw[1] - hw[0], shape[3] - shape[2]
    return pixels // cells if cells and pixels % cells == 0 and pixels // cells > 0 else None
