"""Channels of maps that meet element by element, as in a sum: (N, C, 1, 1) and (N, 1, H, W) maps stand for every place and channel."""

from collections.abc import Iterable, Sequence

from mtzoo.layers.leaf import T


def widest(inputs: Sequence[Sequence[T]]) -> Sequence[T]:
    """The channels of the first input that has all of them."""
    return max(inputs, key=len)


def meeting_channels(inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
    """Pairs of channels that meet. The one channel of a map that meets all channels of another cannot go: it is paired with `fixed`."""
    first = widest(inputs)
    for channels in inputs:
        if len(channels) == len(first):
            yield from zip(first, channels, strict=True)
        else:
            yield from ((channel, fixed) for channel in channels)
