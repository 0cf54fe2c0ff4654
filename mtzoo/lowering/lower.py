"""An ordinary module becomes a network of leaves."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

from mtzoo.errors import UserError, did_you_mean
from mtzoo.lowering.build import make_leaf
from mtzoo.lowering.concats import norms_before_concats
from mtzoo.lowering.dilate import with_output_stride
from mtzoo.lowering.fuse import ending_in_sums, fuse
from mtzoo.lowering.in_place import needed
from mtzoo.lowering.lowered import RESERVED, Lowered, Output, Parts, Run
from mtzoo.lowering.meta import examples
from mtzoo.lowering.names import free_paths
from mtzoo.lowering.operators import OPERATORS
from mtzoo.lowering.published import Origin, take_values
from mtzoo.lowering.read import Reader, Result
from mtzoo.lowering.steps import Step
from mtzoo.lowering.trace import Traced, trace

EXAMPLE_HW = (256, 384)
"""Sizes for which forwards are traced: multiples of all usual strides, and two different ones."""
INPUT = "input"


def lower(module: nn.Module, example_hw: tuple[int, int] = EXAMPLE_HW, in_channels: int = 3, *, features: Sequence[str] | None = None,
          output_stride: int | None = None) -> Lowered:
    """Rewrite an ordinary PyTorch module as leaves, with its weights, in eval mode.

    Args:
        module: The module. Its forward reads images (N, in_channels, H, W).
        example_hw: Height and width of the image with which it is traced.
        in_channels: Channels of the image.
        features: Module paths whose results to return as a list. Layers that none of them needs are left out. None: return what the
            module returns.
        output_stride: The largest stride. Further strides become dilations. None: the module's own strides.

    Raises:
        UserError: An operator has no exact integer form. The message names the module path, the operator and what to use instead.
    """
    traced = trace(module, examples([(in_channels, *example_hw)])[0])
    return Lowered(parts_of(module, traced, features=features, output_stride=output_stride)).train(module.training)


def lower_list(module: nn.Module, shapes: Sequence[tuple[int, int, int]]) -> Lowered:
    """`module`, whose forward reads a list of maps, as leaves. shapes: (C, H, W) of each map. Raises UserError as `lower`."""
    return Lowered(parts_of(module, trace(module, examples(shapes)))).train(module.training)


def parts_of(module: nn.Module, traced: Traced, *, features: Sequence[str] | None = None, output_stride: int | None = None) -> Parts:
    """What `lower` makes its network of, from a trace that is there already."""
    returned = traced.output if features is None else [_feature(traced, name) for name in features]
    nodes = [node for node in pytree.tree_leaves(_plain(returned)) if isinstance(node, fx.Node)]
    example = next(node for node in traced.graph.nodes if node.op == "placeholder").meta["value"]
    inputs = _inputs(example)
    reader = Reader(module, OPERATORS, inputs)
    reader.read(needed(traced.graph, reader.modules, nodes))
    names = [_name(reader, node) for node in nodes]
    steps, fused = fuse(norms_before_concats(reader.steps, names), names)
    if output_stride is not None:
        steps = with_output_stride(steps, dict.fromkeys((r.name for r in _as_list(inputs)), 1), output_stride)
    if isinstance(returned, dict):
        steps = ending_in_sums(steps, fused)
    renamed = dict(zip(nodes, fused, strict=True))
    result = pytree.tree_map_only(fx.Node, lambda node: renamed[node], _plain(returned))
    return assemble(module, steps, [r.name for r in _as_list(inputs)], not isinstance(inputs, Result), result, traced.constants)


def assemble(module: nn.Module, steps: Sequence[Step], inputs: Sequence[str], reads_list: bool, result: Any,
             constants: Mapping[str, Tensor]) -> Parts:
    """The leaves of all steps, with the module's values. result: what forward returns, names of steps in place of maps; constants: what
    the forward reads and the module's state dict has not. Only what the module learns is learnt."""
    paths = dict.fromkeys(inputs, "") | free_paths((step.name for step in steps), RESERVED)
    paths |= {name: name for name in inputs}
    leaves: dict[str, nn.Module] = {}
    origins: dict[str, Origin] = {}
    taken: dict[str, list[Origin]] = defaultdict(list)
    for step in steps:
        leaf, its = make_leaf(step, module)
        shared = [origin.name for origin in its.values() if any(origin.shares(other) for other in taken[origin.name])]
        if shared:
            raise UserError(f"{step.place}: runs twice in one pass, with the weights {min(shared)}; "
                            "give each place its own module")
        leaves[paths[step.name]] = leaf
        origins |= {f"{paths[step.name]}.{own}": origin for own, origin in its.items()}
        for origin in its.values():
            taken[origin.name].append(origin)
    runs = [Run(paths[step.name], tuple(paths[name] for name in step.reads)) for step in steps]
    result = pytree.tree_map_only(str, lambda name: Output(paths[name]), result)
    state, learnt = module.state_dict(), {name for name, _ in module.named_parameters()}
    own = {f"{path}.{name}": value for path, leaf in leaves.items() for name, value in leaf.state_dict(keep_vars=True).items()}
    take_values(own, origins, {**state, **constants})
    for name, origin in origins.items():
        if learnt.isdisjoint(origin.names):
            own[name].requires_grad_(False)
    return Parts(leaves, runs, inputs, reads_list, result, origins, {name: value.shape for name, value in state.items()}, constants)


def shapes_of(traced: Traced) -> Mapping[str, tuple[int, ...]]:
    """Module path -> shape of its result, of those whose result is one map (N, C, H, W), in order of execution."""
    order = {node: place for place, node in enumerate(traced.graph.nodes)}
    values = {path: traced.results[path].meta["value"] for path in sorted(traced.results, key=lambda path: order[traced.results[path]])}
    return {path: tuple(value.shape) for path, value in values.items() if isinstance(value, Tensor) and value.dim() == 4}


def _feature(traced: Traced, name: str) -> fx.Node:
    if name not in traced.results:
        raise UserError(f"features: no module '{name}' gives one map{did_you_mean(name, traced.results)}")
    return traced.results[name]


def _inputs(example: Any) -> Any:
    if isinstance(example, Tensor):
        return Result(INPUT, tuple(example.shape))
    return tuple(Result(f"{INPUT}{i}", tuple(value.shape)) for i, value in enumerate(example))


def _as_list(inputs: Any) -> list[Result]:
    return [inputs] if isinstance(inputs, Result) else list(inputs)


def _name(reader: Reader, node: fx.Node) -> str:
    value = reader.value(node)
    if not isinstance(value, Result):
        raise UserError(f"the network returns '{node.name}', which is not a map (N, C, H, W); return maps")
    return value.name


def _plain(value: Any) -> Any:
    """fx's lists and dicts as Python's."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
