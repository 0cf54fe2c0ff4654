"""Joins steps that one leaf does: convolution, BN, skip and activation; sums of several; gates that are one function.

A step is joined with the one it reads only where nothing else reads that one. The joined step stands where the later one stood, so
that everything it reads is there by then.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import torch

from mtzoo.lowering.published import Origin
from mtzoo.lowering.steps import Activation, Add, Affine, Blend, Conv, Multiply, Norm, Pool, Simple, Step

IN_A_LEAF = ("relu", "relu6")
"""Activations that ConvBNAct and Sum have inside."""
GATED = {"sigmoid": "silu", "hardsigmoid": "hardswish"}
"""gate(x) -> the name of x * gate(x)."""
SHARES = tuple(Activation(gate) for gate in GATED)
"""What gives values within 0 ... 1."""


class Fuser:
    """The steps so far, each by the name of its result."""

    def __init__(self, steps: Sequence[Step], outputs: Iterable[str]) -> None:
        self.done: dict[str, Step] = {}
        self.names: dict[str, str] = {}
        self.readers = Counter(name for step in steps for name in step.inputs)
        self.readers.update(outputs)
        self.sized = Counter(step.like for step in steps if step.like is not None)

    def take(self, step: Step) -> None:
        """Join `step` with what it reads, for as long as a rule fits; then append it."""
        step = step.renamed(self.names)
        original = step.name
        while (joined := self._joined(step)) is not None:
            step = joined
        if step.name != original:
            self._move(original, step.name)
        self.done[step.name] = step

    def source(self, step: Step, index: int = 0) -> Step | None:
        """The step that makes an input, if nothing else reads it."""
        made = self.done.get(step.inputs[index])
        return made if made is not None and self.readers[made.name] == 1 else None

    def shape_of(self, name: str) -> tuple[int, ...] | None:
        """None for the inputs of the network."""
        return self.done[name].shape if name in self.done else None

    def absorb(self, made: Step) -> None:
        """`made` becomes a part of another step."""
        del self.done[made.name]

    def _joined(self, step: Step) -> Step | None:
        for rule in RULES.get(type(step.operation), ()):
            joined = rule(self, step)
            if joined is not None:
                return joined
        return None

    def _move(self, old: str, new: str) -> None:
        """What read `old` reads `new` from now on."""
        self.names[old] = new
        self.readers[new] = self.readers.pop(old, 0)
        self.sized[new] += self.sized.pop(old, 0)


def fuse(steps: Sequence[Step], outputs: Sequence[str]) -> tuple[list[Step], list[str]]:
    """The joined steps, in an order in which inputs come first, and the new names of `outputs`; what no output needs is gone."""
    alive = needed_steps(steps, outputs)
    fuser = Fuser(alive, outputs)
    for step in alive:
        fuser.take(step)
    renamed = [fuser.names.get(name, name) for name in outputs]
    # a size may be read of a step that has moved behind its reader; x + 3 is left over where relu6(x + 3) / 6 has become one
    return in_order(needed_steps([s.renamed(fuser.names) for s in fuser.done.values()], renamed)), renamed


def ending_in_sums(steps: Sequence[Step], outputs: Sequence[str]) -> list[Step]:
    """The steps of a head: a convolution that makes an output, and that nothing else reads, gives its sum as it is."""
    read = {name for step in steps for name in step.reads}
    return [replace(step, operation=replace(step.operation, output="accumulator"))
            if step.name in outputs and step.name not in read and isinstance(step.operation, Conv) and len(step.inputs) == 1
            and step.operation.activation == "none" and isinstance(step.operation.weight, Origin) else step for step in steps]


def needed_steps(steps: Sequence[Step], outputs: Iterable[str]) -> list[Step]:
    """The steps that some output depends on, in their order."""
    by_name, wanted, todo = {step.name: step for step in steps}, set(), list(outputs)
    while todo:
        name = todo.pop()
        if name in by_name and name not in wanted:
            wanted.add(name)
            todo += by_name[name].reads
    return [step for step in steps if step.name in wanted]


def in_order(steps: Sequence[Step]) -> list[Step]:
    """Sorted so that inputs come first; stays as it is where it can."""
    made, ordered, left = {step.name for step in steps}, [], list(steps)
    ready: set[str] = set()
    while left:
        step = next(s for s in left if all(name in ready or name not in made for name in s.reads))
        left.remove(step)
        ordered.append(step)
        ready.add(step.name)
    return ordered


def _norm_after_conv(fuser: Fuser, step: Step) -> Step | None:
    conv = fuser.source(step)
    if conv is None or not isinstance(conv.operation, Conv) or not conv.operation.is_bare or len(conv.inputs) > 1:
        return None
    if isinstance(conv.operation.bias, torch.Tensor):
        return None
    norm: Norm = step.operation
    if isinstance(conv.operation.bias, Origin):  # BN takes up the bias: BN(conv + b) is BN'(conv), whose mean is smaller by b
        norm = replace(norm, mean=norm.mean.less(conv.operation.bias))
    fuser.absorb(conv)
    return replace(conv, operation=replace(conv.operation, bias=None, norm=norm), shape=step.shape)


def _activation_inside(fuser: Fuser, step: Step) -> Step | None:
    """relu of a convolution, a BN alone or a sum."""
    made = fuser.source(step)
    if made is None or step.operation.function not in IN_A_LEAF or not isinstance(made.operation, Conv | Norm | Add):
        return None
    operation = as_conv(made.operation) if isinstance(made.operation, Norm) else made.operation
    if operation.activation != "none":
        return None
    fuser.absorb(made)
    return replace(made, operation=replace(operation, activation=step.operation.function))


def _sum_of_several(fuser: Fuser, step: Step) -> Step | None:
    """(a + b) + c is one sum of three."""
    if step.operation.activation != "none":
        return None
    for index in range(len(step.inputs)):
        made = fuser.source(step, index)
        if made is not None and made.operation == Add() and not fuser.sized[made.name]:
            fuser.absorb(made)
            return replace(step, inputs=(*step.inputs[:index], *made.inputs, *step.inputs[index + 1:]))
    return None


def _skip_in_conv(fuser: Fuser, step: Step) -> Step | None:
    """conv(x) + skip happens in the convolution's accumulator."""
    if len(step.inputs) != 2 or step.inputs[0] == step.inputs[1]:
        return None
    for index in (0, 1):
        conv, skip = fuser.source(step, index), step.inputs[1 - index]
        if conv is None or not isinstance(conv.operation, Conv) or conv.operation.activation != "none" or len(conv.inputs) > 1:
            continue
        if conv.shape == step.shape == fuser.shape_of(skip) and not fuser.sized[conv.name]:
            fuser.absorb(conv)
            return replace(conv, inputs=(conv.inputs[0], skip))
    return None


def _one_affine(fuser: Fuser, step: Step) -> Step | None:
    """(x f + o) f' + o' = x (f f') + (o f' + o')."""
    made = fuser.source(step)
    if made is None or not isinstance(made.operation, Affine):
        return None
    first, second = made.operation, step.operation
    fuser.absorb(made)
    joined = Affine(first.factor * second.factor, first.offset * second.factor + second.offset)
    return replace(step, operation=joined, inputs=made.inputs)


def _written_hardsigmoid(fuser: Fuser, step: Step) -> Step | None:
    """relu6(x + 3) / 6 is the hard sigmoid, and x * relu6(x + 3) / 6 hard-swish."""
    made = fuser.source(step)
    if made is None or step.operation.offset or abs(step.operation.factor * 6 - 1) > 1e-6:
        return None
    if (source := _relu6_of_x_plus_3(fuser, made)) is not None:
        fuser.absorb(made)
        return replace(step, operation=Activation("hardsigmoid"), inputs=(source,))
    for index in (0, 1) if isinstance(made.operation, Multiply) else ():
        gate, other = fuser.source(made, index), made.inputs[1 - index]
        if gate is not None and _relu6_of_x_plus_3(fuser, gate) == other:
            fuser.absorb(gate)
            fuser.absorb(made)
            fuser.readers[other] -= 1
            return replace(step, operation=Activation("hardswish"), inputs=(other,))
    return None


def _relu6_of_x_plus_3(fuser: Fuser, step: Step) -> str | None:
    """x, if the step is that; the sum is then a part of it."""
    shifted = fuser.source(step) if step.operation == Activation("relu6") else None
    return shifted.inputs[0] if shifted is not None and shifted.operation == Affine(1.0, 3.0) else None


def _gate_of_itself(fuser: Fuser, step: Step) -> Step | None:
    """x * sigmoid(x) is SiLU, x * hardsigmoid(x) is hard-swish."""
    for index in (0, 1):
        gate, other = fuser.source(step, index), step.inputs[1 - index]
        if gate is not None and isinstance(gate.operation, Activation) and gate.inputs == (other,) and gate.operation.function in GATED:
            fuser.absorb(gate)
            fuser.readers[other] -= 1
            return replace(step, operation=Activation(GATED[gate.operation.function]), inputs=(other,))
    return None


def _blend(fuser: Fuser, step: Step) -> Step | None:
    """x * a + y * (1 - a), where a is a share: Mix takes it to be one."""
    made = [fuser.source(step, index) for index in range(len(step.inputs))]
    if step.operation.activation != "none" or len(made) != 2 or any(m is None or m.operation != Multiply() for m in made):
        return None
    for one, other in (made, made[::-1]):
        for index in (0, 1):
            rest = fuser.source(other, index)
            if rest is None or rest.operation != Affine(-1.0, 1.0) or rest.inputs[0] not in one.inputs:
                continue
            gate = rest.inputs[0]
            if not _is_share(fuser, gate):
                continue
            x = one.inputs[1 - one.inputs.index(gate)]
            for gone in (one, other, rest):
                fuser.absorb(gone)
            fuser.readers[gate] -= 1
            return replace(step, operation=Blend(), inputs=(x, other.inputs[1 - index], gate))
    return None


def _is_share(fuser: Fuser, name: str) -> bool:
    """Whether a result lies within 0 ... 1: that of a gate, or what was resized, pooled or cut out of it."""
    step = fuser.done.get(name)
    while step is not None and isinstance(step.operation, Simple | Pool) and len(step.inputs) == 1:
        step = fuser.done.get(step.inputs[0])
    return step is not None and step.operation in SHARES


def as_conv(norm: Norm) -> Conv:
    """BN that follows no convolution: behind a 1x1 depthwise convolution of ones."""
    ones = torch.ones(norm.channels, 1, 1, 1)
    return Conv(norm.channels, norm.channels, (1, 1), ones, groups=norm.channels, norm=norm)


Rule = Callable[[Fuser, Step], Step | None]
RULES: dict[type, tuple[Rule, ...]] = {
    Norm: (_norm_after_conv,),
    Activation: (_activation_inside,),
    Add: (_blend, _sum_of_several, _skip_in_conv),
    Affine: (_one_affine, _written_hardsigmoid),
    Multiply: (_gate_of_itself,),
}
"""Kind of step -> what it may be joined with, tried in order."""
