"""Which results lie on which grid: who rounds, who shares a scale, who only moves integers."""

from collections.abc import Mapping

from torch import Tensor, minimum

from mtzoo.errors import UserError
from mtzoo.graph.program import IMAGES, Call, Program
from mtzoo.layers import IMAGE_GRID, ConvBNAct
from mtzoo.ops.grid import Grid


def signs(program: Program) -> dict[str, bool]:
    """Result -> whether it may be below 0."""
    found: dict[str, bool] = {IMAGES: True}
    for call in program.calls:
        rule = call.module.grid_rule
        if rule == "image":
            found[call.name] = True
        elif rule == "pass":
            found[call.name] = found[call.inputs[0]]
        else:
            found[call.name] = call.module.signed([found[name] for name in call.inputs])
    return found


def rounding_joins(program: Program) -> set[str]:
    """Results of the joins that round to a grid of their own.

    A join's inputs share one scale instead, which costs nothing, where every layer whose numbers it holds feeds this join only, may
    choose its scale, and all of them are signed or none is. Layers that feed several joins, as in DenseNet and HarDNet, would tie all
    of these to one scale.
    """
    found: set[str] = set()
    sign, calls = signs(program), {call.name: call for call in program.calls}
    joins = [call for call in program.calls if call.module.grid_rule == "join"]
    while True:
        made_by = _producers(program, found)
        fed: dict[str, int] = {}
        for join in joins:
            for name in {p for read in join.inputs for p in made_by[read]}:
                fed[name] = fed.get(name, 0) + 1
        more = {join.name for join in joins if join.name not in found and not _may_share(
            {p for read in join.inputs for p in made_by[read]}, calls, sign, fed)}
        if not more:
            return found
        found |= more


def _may_share(names: set[str], calls: Mapping[str, Call], sign: Mapping[str, bool], fed: Mapping[str, int]) -> bool:
    free = all(calls[name].module.grid_rule != "image" and calls[name].module.fixed_exponent is None
               and calls[name].module.ceiling is None for name in names)
    return free and all(fed[name] == 1 for name in names) and len({sign[name] for name in names}) == 1


def producers(program: Program) -> dict[str, tuple[str, ...]]:
    """Result -> names of the layers (or the image) whose rounding made its numbers, through what only moves them."""
    return _producers(program, rounding_joins(program))


def _producers(program: Program, rounding: set[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for call in program.calls:
        rule = call.module.grid_rule
        if rule == "pass":
            found[call.name] = found[call.inputs[0]]
        elif rule == "join" and call.name not in rounding:
            found[call.name] = tuple(dict.fromkeys(p for name in call.inputs for p in found[name]))
        else:
            found[call.name] = (call.name,)
    return found


def rounding_calls(program: Program) -> list[Call]:
    """The calls that have a grid of their own, in execution order."""
    joins = rounding_joins(program)
    return [call for call in program.calls if call.module.grid_rule == "own" or call.name in joins]


def sharing_groups(program: Program) -> list[tuple[str, ...]]:
    """Layers that share one activation quantizer because a join holds the numbers of all (disjoint groups), in execution order."""
    rounding = rounding_joins(program)
    made_by = _producers(program, rounding)
    order = {call.name: i for i, call in enumerate(program.calls)}
    return [tuple(sorted(made_by[call.name], key=order.__getitem__)) for call in program.calls
            if call.module.grid_rule == "join" and call.name not in rounding and len(made_by[call.name]) > 1]


def own_grid(call: Call, exponent: Tensor, signed: bool) -> Grid:
    """The 8-bit grid that a leaf rounds to. exponent: () of its scale."""
    if signed:
        return Grid(exponent.int(), -128, 127)
    ceiling = call.module.ceiling
    return Grid(exponent.int(), 0, 255 if ceiling is None else min(255, int(ceiling * 2.0 ** -int(exponent))))


def grids(program: Program, state: Mapping[str, Tensor]) -> dict[str, Grid]:
    """The quantization grid of every result.

    Args:
        program: The layer calls of the network.
        state: The integers (`mtzoo.quantization.integer_state`).

    Returns:
        Name of the result -> its grid.

    Raises:
        UserError: A concatenation that does not round joins different grids, or a layer reads an accumulator.
    """
    found: dict[str, Grid] = {}
    sign = signs(program)
    for call in program.calls:
        rule, own = call.module.grid_rule, state.get(f"{call.name}.output_exponent")
        for name in call.reads if rule in ("own", "join") else ():
            if found[name].low is None:
                raise UserError(f"layer '{call.name}' reads '{name}', an accumulator that nobody rounded to 8 bits")
        if rule == "image":
            found[call.name] = IMAGE_GRID
        elif rule == "pass":
            found[call.name] = found[call.inputs[0]]
        elif own is not None:
            found[call.name] = own_grid(call, own, sign[call.name])
        elif rule == "join":
            found[call.name] = _shared_grid(call, found)
        else:
            found[call.name] = _accumulator(call, found, state)
    return found


def _accumulator(call: Call, found: Mapping[str, Grid], state: Mapping[str, Tensor]) -> Grid:
    """Of the sums of a convolution whose result is not rounded; with a skip it is the finer of the two grids."""
    if not isinstance(call.module, ConvBNAct):
        raise UserError(f"layer '{call.name}' has no scale; calibrate or train the network first")
    rounded = rounded_before_skip(call, state)
    exponent = found[call.inputs[0]].exponent + state[f"{call.name}.weight_exponent"].int() if rounded is None else rounded.exponent
    return Grid(exponent if call.skip is None else minimum(exponent, found[call.skip].exponent))


def rounded_before_skip(call: Call, state: Mapping[str, Tensor]) -> Grid | None:
    """The grid that a convolution rounds its own result to before the skip is added. None: it does not round it."""
    exponent = state.get(f"{call.name}.conv_exponent")
    return None if exponent is None else Grid(exponent.int(), -128, 127)


def _shared_grid(call: Call, found: Mapping[str, Grid]) -> Grid:
    first, *others = (found[name] for name in call.inputs)
    for name, grid in zip(call.inputs[1:], others):
        if not first.same_as(grid):
            raise UserError(f"'{call.name}' joins '{call.inputs[0]}' and '{name}', which have different scales")
    return first
