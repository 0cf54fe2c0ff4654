"""What a network costs while its channels go, layer by layer, without building it anew each time."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from mtzoo.compression.channels import PROTECTED, Channel, ChannelUnit, Scores, own_channels
from mtzoo.graph import Program
from mtzoo.graph.channels import result_channels
from mtzoo.layers import ConvBNAct

Cost = Literal["params", "macs", "latency"]


class ChannelState:
    """Which channels of a program's convolutions are still there.

    positions: convolution -> H * W of its output; times: convolution -> nanoseconds, for cost "latency": the time of the quickest
    layer is taken to be what any layer costs, the rest of a layer's to fall with its multiply-accumulates. One without a time
    costs nothing, and neither do layers that are no convolutions (sums, pools, tables ...), though they, too, get quicker with fewer
    channels: what is saved is underestimated there.
    """

    def __init__(self, program: Program, positions: Mapping[str, int], cost: Cost, times: Mapping[str, float] | None = None) -> None:
        self.layers: dict[str, ConvBNAct] = {call.name: call.module for call in program.convs}
        self.positions, self.cost = positions, cost
        self.fixed, self.rates = 0.0, {}  # nanoseconds of any layer, and of one of a layer's multiply-accumulates
        if cost == "latency":
            self.fixed = min((times[name] for name in self.layers if name in times), default=0.0)
            self.rates = {name: (times[name] - self.fixed) / (positions[name] * layer.conv.weight.numel())
                          for name, layer in self.layers.items() if name in times}
        self.kept = {name: set(range(layer.conv.out_channels)) for name, layer in self.layers.items()}
        results = result_channels(program, own_channels, PROTECTED)
        read = {call.name: results[call.inputs[0]] for call in program.convs}
        self.constant = {name: channels.count(PROTECTED) for name, channels in read.items()}
        """Convolution -> how many of its input channels no convolution makes."""
        self.sources = {name: _pieces(channels, self.kept) for name, channels in read.items()}
        self.readers: dict[str, set[str]] = {name: set() for name in self.layers}
        for reader, sources in self.sources.items():
            for source, _ in sources:
                self.readers[source].add(reader)

    def total(self) -> float:
        """Cost of the whole network as it is now."""
        return sum(self._layer_cost(name, {}) for name in self.layers)

    def saving(self, units: Sequence[ChannelUnit]) -> float:
        """What the cost falls by when these units go."""
        gone = self._still_there(units)
        touched = set(gone).union(*(self.readers[name] for name in gone))
        return sum(self._layer_cost(name, {}) - self._layer_cost(name, gone) for name in touched)

    def any_left(self, units: Sequence[ChannelUnit]) -> bool:
        return any(self._still_there(units).values())

    def score(self, units: Sequence[ChannelUnit], scores: Scores) -> float:
        """How much those of the units' channels matter that are still there; what a layer adds of which no input is left is nothing."""
        return float(sum(scores[name][list(channels)].sum() for name, channels in self._still_there(units).items()
                         if self._inputs(name, {})))

    def remove(self, units: Sequence[ChannelUnit]) -> None:
        for name, channels in self._still_there(units).items():
            self.kept[name] -= channels

    def _still_there(self, units: Sequence[ChannelUnit]) -> dict[str, set[int]]:
        channels: dict[str, set[int]] = {}
        for unit in units:
            for name, indices in unit.items():
                channels.setdefault(name, set()).update(self.kept[name].intersection(indices))
        return channels

    def _inputs(self, name: str, gone: Mapping[str, set[int]]) -> int:
        """How many input channels of a layer are left without the channels `gone`."""
        left = self.constant[name]
        for source, read in self.sources[name]:
            kept, lost = self.kept[source], gone.get(source, ())
            left += len(kept) - len(lost) if read is None else len(kept & read) - len(read.intersection(lost))
        return left

    def _layer_cost(self, name: str, gone: Mapping[str, set[int]]) -> float:
        """The cost of a layer without the channels `gone`. A group convolution loses whole groups; without inputs a layer costs 0."""
        layer = self.layers[name]
        conv, vectors = layer.conv, (layer.bn is not None) * 2 + (layer.conv.bias is not None)
        inputs = self._inputs(name, gone)
        outputs = len(self.kept[name]) - len(gone.get(name, ()))
        if not inputs or not outputs:
            return 0.0
        per_output = (conv.in_channels // conv.groups if conv.groups > 1 else inputs) * conv.kernel_size[0] * conv.kernel_size[1]
        if self.cost == "params":
            return outputs * (per_output + vectors)
        macs = outputs * per_output * self.positions[name]
        if self.cost == "macs":
            return macs
        return self.fixed + macs * self.rates[name] if name in self.rates else 0.0


def _pieces(channels: Sequence[Channel], widths: Mapping[str, Collection[int]]) -> list[tuple[str, frozenset[int] | None]]:
    """The layers that make some channels, each with those of its outputs that are read, None for all; a layer that is read twice stands
    there twice. widths: layer -> its outputs."""
    pieces: list[tuple[str, set[int]]] = []
    for layer, index in channels:
        if (layer, index) == PROTECTED:
            continue
        piece = next((read for name, read in pieces if name == layer and index not in read), None)
        if piece is None:
            pieces.append((layer, {index}))
        else:
            piece.add(index)
    return [(layer, None if len(read) == len(widths[layer]) else frozenset(read)) for layer, read in pieces]
