"""From the operators of an ONNX graph to a module of ordinary PyTorch layers, which `mtzoo.lowering` makes leaves of.

Sizes are fixed while it reads: one image of a given height and width. What is computed of constants and shapes alone is worked out, and
what only moves values is followed (`views`), so that nothing but operators that compute are left.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from mtzoo.errors import UserError, shown
from mtzoo.foreign.constants import FOLDED, constant, folded
from mtzoo.foreign.module import INPUT, Call, Function, OnnxModule
from mtzoo.foreign.operators import OPERATORS
from mtzoo.foreign.operators.table import Handler
from mtzoo.foreign.site import Site, Value, concatenated
from mtzoo.foreign.views import Map, View, channels_of, pieces_of, shuffle_of
from mtzoo.lowering.advice import advice
from mtzoo.lowering.meta import module_result


class Reader:
    """Reads a checked graph. hw: height and width of its input. What cannot be read is in `faults`: operator -> where, and why."""

    def __init__(self, model: onnx.ModelProto, hw: tuple[int, int], opset: int) -> None:
        self.opset, self.hw = opset, hw
        self.values: dict[str, Value] = {"": np.zeros(0)}
        self.calls: list[Call] = []
        self.children: dict[str, nn.Module] = {}
        self.faults: dict[str, str] = {}
        self._lost: set[str] = set()
        self._affines: dict[str, tuple[Map, np.ndarray, np.ndarray]] = {}
        self._selected: dict[tuple[str, bytes], Map] = {}
        self._readers = Counter(name for node in model.graph.node for name in node.input)
        self._readers.update(value.name for value in model.graph.output)
        self._read_once: set[str] = set()
        for tensor in model.graph.initializer:
            self.values[tensor.name] = constant(tensor)

    def read(self, nodes: Sequence[onnx.NodeProto], image: str) -> None:
        """Read operators in order. image: name of the input."""
        self.values[image] = self.view(Map(INPUT, (1, 3, *self.hw)))
        for index, node in enumerate(nodes):
            if not self._lost.isdisjoint(node.input):
                self._lost.update(node.output)
                if node.op_type not in (*FOLDED, "Shape", "Size") and _handler(node) is None:
                    self._lose(node, index, advice(node.op_type))
                continue
            try:
                for name, value in zip(node.output, self._results(node, index)):
                    self.values[name] = value
            except UserError as error:
                self._lose(node, index, str(error))
            except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError, AttributeError) as error:
                self._lose(node, index, f"does not fit what it reads ({type(error).__name__}: {' '.join(str(error).split())[:150]})")

    def _lose(self, node: onnx.NodeProto, index: int, why: str) -> None:
        self._lost.update(node.output)
        place = node.name or f"operator {index + 1}, which makes '{node.output[0] if node.output else ''}'"
        self.faults.setdefault(node.op_type, f"{shown(node.op_type)[1:-1]} at {shown(place)[1:-1]} {why}")

    def _results(self, node: onnx.NodeProto, index: int) -> list[Value]:
        missing = [name for name in node.input if name not in self.values]
        if missing:
            raise UserError(f"reads {shown(missing[0])}, which nothing before it computes")
        inputs = [self.values[name] if name else None for name in node.input]
        constants = not any(isinstance(value, View) for value in inputs)
        if node.op_type in ("Shape", "Size") and not constants:
            shape = np.array(inputs[0].shape, np.int64)
            return folded(node, [np.broadcast_to(np.float32(0), shape)], self.opset)
        if node.op_type in FOLDED and constants and not node.domain:
            return folded(node, inputs, self.opset)
        handler = _handler(node)
        if handler is None:
            raise UserError(advice(node.op_type))
        results = handler(Site(self, node, self._free_name(node, index)))
        views = results if isinstance(results, list) else [results]
        if self._readers[node.output[0]] == 1 and views[0].order is None:
            self._read_once.add(views[0].source.name)
        return views

    def _free_name(self, node: onnx.NodeProto, index: int) -> str:
        """The operator's name as that of a module."""
        name = re.sub(r"[^A-Za-z0-9_/-]", "_", node.name).strip("/") or f"{node.op_type}_{index}"
        return self._unique(name[:120])

    def _unique(self, name: str) -> str:
        free, count = name, 1
        while free in self.children or free == INPUT or hasattr(OnnxModule, free):
            count += 1
            free = f"{name}_{count}"
        return free

    def view(self, source: Map) -> View:
        return View(source, source.shape)

    def add(self, name: str, module: nn.Module, maps: Sequence[Map]) -> Map:
        """Append a call; its shape is worked out without its arithmetic."""
        name = self._unique(name)
        with torch.no_grad():
            result = module_result(module.eval(), *[torch.empty(m.shape, device="meta") for m in maps])
        self.children[name] = module
        self.calls.append(Call(name, tuple(m.name for m in maps)))
        return Map(name, tuple(int(n) for n in result.shape))

    def plane(self, view: View, site: Site) -> Map:
        """The map that a view shows: the whole, or some of its channels in some order."""
        if view.order is None:
            return view.source
        channels = channels_of(view)
        if channels is None:
            raise site.fault(f"reads a tensor of shape {view.shape} that is not a map, and no channels of one: " + advice("reshape"))
        if np.array_equal(channels, np.arange(view.source.channels)):
            return view.source
        key = (view.source.name, channels.tobytes())
        if key not in self._selected:
            self._selected[key] = self._select(view.source, channels, site)
        return self._selected[key]

    def _select(self, source: Map, channels: np.ndarray, site: Site) -> Map:
        pieces = pieces_of(channels)
        if pieces is not None and len(pieces) == 1:
            return self.add(f"{site.name}_channels", Function(_Range(*pieces[0])), [source])
        found = shuffle_of(channels, source.channels)
        if found is not None:
            groups, start, stop = found
            key = (source.name, f"shuffle {groups}".encode())
            if key not in self._selected:
                self._selected[key] = self.add(f"{site.name}_shuffle", nn.ChannelShuffle(groups), [source])
            shuffled = self._selected[key]
            whole = (start, stop) == (0, source.channels)
            return shuffled if whole else self.add(f"{site.name}_channels", Function(_Range(start, stop)), [shuffled])
        if pieces is None:
            raise site.fault("reads channels in an order that is not a channel shuffle; keep them in ranges")
        parts = [self.add(f"{site.name}_channels", Function(_Range(*piece)), [source]) for piece in pieces]
        return self.add(f"{site.name}_join", Function(concatenated), parts)

    def may_take_affine(self, source: Map) -> bool:
        """Whether a factor for each channel of it is taken up by what makes it."""
        made = self.children.get(source.name)
        return source.name in self._affines or isinstance(made, nn.Conv2d | nn.BatchNorm2d) and source.name in self._read_once

    def add_affine(self, site: Site, source: Map, scale: np.ndarray, offset: np.ndarray) -> Map:
        """source * scale + offset, (C,) each, as batch normalisation, which a convolution takes up. Of several in a row one is made."""
        scale, offset = scale.astype(np.float64), offset.astype(np.float64)
        base, before, term = self._affines.get(source.name, (source, np.ones(source.channels), np.zeros(source.channels)))
        scale, offset = before * scale, term * scale + offset
        norm = nn.BatchNorm2d(source.channels, eps=0.0)
        with torch.no_grad():
            norm.weight.copy_(torch.from_numpy(scale))
            norm.bias.copy_(torch.from_numpy(offset))
        made = self.add(site.name, norm, [base])
        self._affines[made.name] = (base, scale, offset)
        return made

    def module(self, outputs: Mapping[str, Map]) -> OnnxModule:
        """The children that the outputs need. outputs: name -> map.

        Raises UserError naming every kind of operator that could not be read, each once.
        """
        if self.faults:
            count = len(self.faults)
            raise UserError(f"{count} kind{'s' * (count > 1)} of operators cannot be lowered: " + "; ".join(self.faults.values()))
        wanted, todo = set(), [m.name for m in outputs.values()]
        reads = {call.name: call.inputs for call in self.calls}
        while todo:
            name = todo.pop()
            if name not in wanted and name != INPUT:
                wanted.add(name)
                todo += reads[name]
        calls = [call for call in self.calls if call.name in wanted]
        children = {name: child for name, child in self.children.items() if name in wanted}
        return OnnxModule(calls, children, {name: m.name for name, m in outputs.items()}).eval()


class _Range:
    """Channels start ... stop - 1."""

    def __init__(self, start: int, stop: int) -> None:
        self.start, self.stop = start, stop

    def __call__(self, x: Tensor) -> Tensor:
        return x[:, self.start:self.stop]


def _handler(node: onnx.NodeProto) -> Handler | None:
    """What reads an operator; None for one that cannot be lowered, whatever it reads."""
    return OPERATORS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
