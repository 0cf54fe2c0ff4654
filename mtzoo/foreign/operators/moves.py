"""Operators that only put values in another order."""

from functools import partial

import numpy as np
from torch.nn import functional as F

from mtzoo.foreign.module import Function
from mtzoo.foreign.operators.table import operator
from mtzoo.foreign.site import Site, concatenated
from mtzoo.foreign.views import View


@operator("Concat")
def concat(site: Site) -> View:
    views = [site.view(i) for i in range(len(site.node.input))]
    axis = site.number("axis", 1) % len(views[0].shape)
    if axis != 1 or any(len(view.shape) not in (2, 4) for view in views):
        raise site.fault(f"along dimension {axis} of {views[0].shape}: expected channels, dimension 1")
    maps = [site.plane_of(view) for view in views]
    result = site.add(Function(concatenated), *maps)
    return result.moved(lambda order: order.reshape(order.shape[:2])) if len(views[0].shape) == 2 else result


@operator("Reshape")
def reshape(site: Site) -> View:
    return site.view(0).moved(lambda order: order.reshape(target_shape(site.weights(1), order.shape, site.number("allowzero", 0))))


def target_shape(wanted: np.ndarray, have: tuple[int, ...], allow_zero: int) -> tuple[int, ...]:
    """ONNX's shape with 0 for "as it is"."""
    return tuple(int(have[axis]) if size == 0 and not allow_zero else int(size) for axis, size in enumerate(np.ravel(wanted)))


@operator("Flatten")
def flatten(site: Site) -> View:
    shape = site.view(0).shape
    axis = site.number("axis", 1)
    axis += len(shape) if axis < 0 else 0
    return site.view(0).moved(lambda order: order.reshape(int(np.prod(shape[:axis])), -1))


@operator("Transpose")
def transpose(site: Site) -> View:
    return site.view(0).moved(lambda order: order.transpose(site.attribute("perm")))


@operator("Squeeze")
def squeeze(site: Site) -> View:
    axes = _axes(site)
    return site.view(0).moved(lambda order: np.squeeze(order, None if axes is None else axes))


@operator("Unsqueeze")
def unsqueeze(site: Site) -> View:
    return site.view(0).moved(lambda order: np.expand_dims(order, _axes(site)))


def _axes(site: Site) -> tuple[int, ...] | None:
    axes = site.attribute("axes") if site.attribute("axes") is not None else site.optional(1)
    return None if axes is None else tuple(int(a) for a in np.ravel(axes))


@operator("Gather")
def gather(site: Site) -> View:
    return site.view(0).moved(lambda order: np.take(order, site.weights(1).astype(np.int64), axis=site.number("axis", 0)))


@operator("Slice")
def slice_(site: Site) -> View:
    view = site.view(0)
    if site.attribute("starts") is not None:
        starts, ends, axes, steps = site.attribute("starts"), site.attribute("ends"), site.attribute("axes"), None
    else:
        starts, ends, axes, steps = (site.optional(i) for i in range(1, 5))
    starts, ends = np.ravel(starts), np.ravel(ends)
    axes = np.arange(len(starts)) if axes is None else np.ravel(axes)
    steps = np.ones(len(starts), np.int64) if steps is None else np.ravel(steps)
    index = [slice(None)] * len(view.shape)
    for start, end, axis, step in zip(starts, ends, axes, steps):
        index[int(axis)] = slice(int(start), int(end) if step > 0 or end >= -view.shape[int(axis)] else None, int(step))
    return view.moved(lambda order: order[tuple(index)])


@operator("Split")
def split(site: Site) -> list[View]:
    view, axis = site.view(0), site.number("axis", 0)
    count, size = len(site.node.output), view.shape[axis]
    sizes = site.attribute("split") if site.attribute("split") is not None else site.optional(1)
    each = -(-size // count)
    sizes = [min(each, size - k * each) for k in range(count)] if sizes is None else [int(n) for n in np.ravel(sizes)]
    ends = np.cumsum(sizes)
    if ends[-1] != size:
        raise site.fault(f"into {sizes} of {size}")
    parts = [np.arange(end - part, end) for end, part in zip(ends, sizes)]
    return [view.moved(lambda order, part=part: np.take(order, part, axis=axis)) for part in parts]


@operator("Expand")
def expand(site: Site) -> View:
    """A map of one cell at every place; elsewhere sums and products broadcast by themselves."""
    view = site.view(0)
    shape = np.broadcast_shapes(view.shape, tuple(int(n) for n in site.weights(1)))
    if shape == view.shape:
        return view
    source = site.plane(0)
    if source.cells != 1 or len(shape) != 4 or shape[:2] != source.shape[:2]:
        raise site.fault(f"from {view.shape} to {shape}: expected a map of one cell to every place of another")
    return site.add(Function(partial(F.interpolate, size=shape[2:], mode="nearest")), source)
