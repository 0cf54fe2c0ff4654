"""Operators that move channels, and reshapes of which nothing but moved channels is left."""

import operator as python
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from mtzoo.layers import Chunk, Concat, Shuffle, Slice
from mtzoo.lowering.operators.table import by_image, operator
from mtzoo.lowering.read import Expanded, Flat, Grouped, Result, Site, Weights
from mtzoo.lowering.steps import Pool, Simple


@by_image(torch.cat, torch.concat)
def cat(site: Site, tensors: Sequence[Any], dim: int = 0) -> Result:
    maps = [site.result(tensor) for tensor in tensors]
    if dim % len(maps[0].shape) != 1:
        raise site.fault(f"along dimension {dim}: expected channels, dimension 1")
    return maps[0] if len(maps) == 1 else site.emit(Simple(Concat), *maps)


@operator(torch.chunk, "chunk")
def chunk(site: Site, input: Any, chunks: int, dim: int = 0) -> tuple[Result, ...]:
    sizes = [int(part.shape[dim]) for part in site.node.meta["value"]]
    return _parts(site, input, sizes, dim)


@operator(torch.split, "split", "split_with_sizes")
def split(site: Site, tensor: Any, split_size_or_sections: Any = None, dim: int = 0, **named: Any) -> tuple[Result, ...]:
    sizes = [int(part.shape[dim]) for part in site.node.meta["value"]]
    return _parts(site, tensor, sizes, dim)


@operator("narrow", torch.narrow)
def narrow(site: Site, input: Any, dim: int, start: int, length: int) -> Result:
    if dim % 4 != 1:
        raise site.fault(f"along dimension {dim}: expected channels, dimension 1")
    return site.emit(Simple(lambda: Slice(start, start + length)), site.plane(input))


@operator(python.getitem)
def getitem(site: Site, value: Any, index: Any) -> Any:
    if isinstance(value, list | tuple):
        return value[index]
    source = site.result(value)
    index = index if isinstance(index, tuple) else (index,)
    if len(index) == 1 and index[0] is Ellipsis:
        return source
    index = _without_ellipsis(index, len(source.shape))
    if len(source.shape) == 2 and index == (slice(None), slice(None), None, None):
        return Result(source.name, site.shape)
    if len(source.shape) != 4 or not all(isinstance(i, slice) for i in index):
        raise site.fault(f"takes [{', '.join(map(_written, index))}] of a map {source.shape}: expected ranges of channels, or every "
                         "n-th cell")
    rows = _every(site, index[2], source.shape[2]), _every(site, index[3], source.shape[3])
    start, stop, step = index[1].indices(source.shape[1])
    if step != 1:
        raise site.fault(f"takes every {step}th channel: expected ranges without a step")
    if rows != (1, 1):
        n, c, h, w = source.shape
        source = site.emit(Pool("max", (1, 1), rows), source, shape=(n, c, *site.shape[2:]))
    if (start, stop) == (0, source.shape[1]):
        return source
    return site.emit(Simple(lambda: Slice(start, stop)), source)


@operator(getattr)
def attribute(site: Site, value: Any, name: str) -> Any:
    """`torch.max(x, 1, keepdim=True).values`."""
    if name == "values" and isinstance(value, tuple):
        return value[0]
    raise site.fault(f"reads '.{name}' of a tensor; write it without")


@operator(nn.ChannelShuffle, torch.channel_shuffle)
def channel_shuffle(site: Site, input: Any, groups: int | None = None) -> Result:
    groups = site.module.groups if site.module is not None else groups
    return site.emit(Simple(lambda: Shuffle(groups)), site.plane(input))


@operator("view", "view_as", "reshape", "reshape_as", torch.reshape, "flatten", torch.flatten, nn.Flatten, "unflatten", nn.Unflatten,
          "squeeze", torch.squeeze, "unsqueeze", torch.unsqueeze)
def reshape(site: Site, input: Any, *args: Any, **kwargs: Any) -> Any:
    """What becomes of the map is read off its shapes before and after."""
    after = site.shape
    if isinstance(input, Grouped):
        base, groups = input.base, input.groups
        if after != base.shape:
            raise site.fault()
        return site.emit(Simple(lambda: Shuffle(groups)), base) if input.swapped else base
    if isinstance(input, Flat):
        if after != input.base.shape:
            raise site.fault()
        return input.base
    source = site.result(input)
    n, c, h, w = (*source.shape, 1, 1)[:4]
    if after == source.shape:
        return source
    if (h, w) == (1, 1) and after[:2] == (n, c) and set(after[2:]) <= {1} and len(after) in (2, 4):
        return Result(source.name, after)
    if len(source.shape) == 4 and after == (n, c, h * w):
        return Flat(source)
    if len(after) == 5 and after[0] == n and after[1] * after[2] == c and after[3:] == (h, w):
        return Grouped(source, after[1])
    raise site.fault()


@operator("transpose", torch.transpose, "swapaxes", torch.swapaxes)
def transpose(site: Site, input: Any, dim0: int, dim1: int) -> Any:
    if not isinstance(input, Grouped) or {dim0 % 5, dim1 % 5} != {1, 2}:
        raise site.fault()
    return Grouped(input.base, input.groups, not input.swapped)


@operator("permute", torch.permute)
def permute(site: Site, input: Any, *dims: Any) -> Any:
    order = tuple(dims[0]) if len(dims) == 1 and isinstance(dims[0], list | tuple) else tuple(dims)
    if not isinstance(input, Grouped) or tuple(d % 5 for d in order) != (0, 2, 1, 3, 4):
        raise site.fault()
    return Grouped(input.base, input.groups, not input.swapped)


@operator("expand", "expand_as")
def expand(site: Site, input: Any, *args: Any) -> Any:
    if isinstance(input, Weights):
        return input
    source = site.plane(input)
    if len(site.shape) != 4:
        raise site.fault()
    if source.shape == site.shape:
        return source
    wanted = args[0] if len(args) == 1 else args
    like = wanted.name if isinstance(wanted, Result) else site.like(tuple(wanted)[-2:])
    return Expanded(source, site.shape, like)


def _parts(site: Site, value: Any, sizes: Sequence[int], dim: int) -> tuple[Result, ...]:
    source = site.result(value)
    n, c, *hw = source.shape
    if dim % len(source.shape) != 1:
        raise site.fault(f"along dimension {dim}: expected channels, dimension 1")
    parts, start = [], 0
    for index, size in enumerate(sizes):
        make = _chunk(len(sizes), index) if len(set(sizes)) == 1 else _slice(start, start + size)
        parts.append(site.emit(Simple(make), source, shape=(n, size, *hw)))
        start += size
    return tuple(parts)


def _chunk(parts: int, index: int) -> Any:
    return lambda: Chunk(parts, index)


def _slice(start: int, stop: int) -> Any:
    return lambda: Slice(start, stop)


def _without_ellipsis(index: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    """`x[..., ::2]` and `x[:, 3:]` as one item for each dimension."""
    if Ellipsis in index:
        at = index.index(Ellipsis)
        fill = (slice(None),) * (count - sum(i is not None for i in index) + 1)
        index = (*index[:at], *fill, *index[at + 1:])
    return (*index, *(slice(None),) * (count - sum(i is not None for i in index)))


def _every(site: Site, index: slice, size: int) -> int:
    start, stop, step = index.indices(size)
    if start != 0 or stop < size or size % step:
        raise site.fault(f"cuts cells {_written(index)} out of {size}: expected every n-th cell from the first")
    return step


def _written(index: Any) -> str:
    """As it stands in brackets, e.g. "1:-1"."""
    if not isinstance(index, slice):
        return str(index)
    ends = f"{'' if index.start is None else index.start}:{'' if index.stop is None else index.stop}"
    return ends if index.step is None else f"{ends}:{index.step}"
