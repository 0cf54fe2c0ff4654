"""Post-training quantization of a config's network: from its float checkpoint to integers, or to integers with float parts."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from mtzoo.compression import quantize
from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.engine.calibration import Batches
from mtzoo.engine.checkpoint import Checkpoint, Progress, load_checkpoint, load_network_state
from mtzoo.engine.stages import FOLDED_STEP, INTEGER_STEP, fold_for_step, network_at, quantization_of
from mtzoo.errors import UserError
from mtzoo.models import MultiTaskNet
from mtzoo.ops.precision import exact_float32
from mtzoo.progress import show_progress
from mtzoo.quantization import convert, freeze, inexact_layers, integer_state, prepare
from mtzoo.quantization.qconfig import node_of
from mtzoo.settings.post_training import FALLBACKS, Corrections


@dataclass(frozen=True)
class PtqInputs:
    """What is quantized, and how. folded: the float network without BN; batches: calibration images."""

    config: ExperimentConfig
    folded: MultiTaskNet
    batches: Batches
    corrections: Corrections


def load_float_network(config: ExperimentConfig, path: Path) -> MultiTaskNet:
    """The network of a float checkpoint, BN live, in eval mode. Nodes that only tasks left out by the config need are dropped.

    Raises UserError for a checkpoint that rounds, whose BN is folded, that is of another network or not finite.
    """
    checkpoint = load_checkpoint(path)
    position = checkpoint.progress
    if position.step != 0 or position.quantized:
        state = "integers" if position.step == INTEGER_STEP else "fake-quant"
        raise UserError(f"{path}: a checkpoint of step {position.step} with {state}; expected a float one, of `mtzoo train` or named "
                        "-float-last")
    net = network_at(config, 0, quantized=False)
    state = checkpoint.network
    if set(checkpoint.config.get("tasks", {})) > set(config.classes):  # --tasks: of the others' heads nothing is needed
        state = {name: value for name, value in state.items() if node_of(name) in net.nodes}
    load_network_state(net, state, path)
    return net.eval()


def fold_all(net: MultiTaskNet, config: ExperimentConfig) -> MultiTaskNet:
    """A copy without BN: the same function in float."""
    folded = deepcopy(net)
    for step in range(1, FOLDED_STEP + 1):
        fold_for_step(folded, config, step)
    return folded.eval()


def left_inexact(job: PtqInputs) -> dict[str, str]:
    """Layer -> why, of those that the config itself keeps from being integers: with any there is no integer network."""
    net = deepcopy(job.folded)
    prepare(net, quantization_of(job.config))
    return inexact_layers(net)


def require_exact(job: PtqInputs, verb: str) -> None:
    """Raises UserError for a config that keeps layers from being integers, for a verb that makes nothing else."""
    if layers := left_inexact(job):
        name, why = next(iter(layers.items()))
        raise UserError(f"quantization: '{name}' ({len(layers)} layers in all) {why}; {verb} ends in an integer network")


def integer_network(job: PtqInputs) -> tuple[MultiTaskNet, Checkpoint]:
    """The network on its grids, as fake-quant, and its checkpoint of step 3. The calibration's progress is shown on stderr.

    Raises UserError for a config that leaves something in float, or a layer whose sums could leave the exact range.
    """
    net = _quantized(job, job.config)
    return net, integer_checkpoint(net, job.config)


def _quantized(job: PtqInputs, config: ExperimentConfig) -> MultiTaskNet:
    with exact_float32(), show_progress("calibrating", transient=True) as on_progress:
        return quantize(job.folded, quantization_of(config), job.batches, job.corrections, on_progress)


def integer_checkpoint(net: MultiTaskNet, config: ExperimentConfig) -> Checkpoint:
    """The checkpoint of step 3 of a folded and observed fake-quant network, which is put on its grids, in place.

    Raises UserError as `integer_network`.
    """
    freeze(net)
    convert(net)  # proves the bound of each layer
    return Checkpoint(dict(config.resolved), Progress(INTEGER_STEP, True, 0, True), dict(integer_state(net)))


def mixed_checkpoint(net: MultiTaskNet, config: ExperimentConfig) -> Checkpoint:
    """The checkpoint of step 2 of a folded and observed network that is no integer network."""
    state = {key: value.detach().clone() for key, value in net.state_dict().items()}
    return Checkpoint(dict(config.resolved), Progress(FOLDED_STEP, True, 0, True), state)


def mixed_network(job: PtqInputs, patterns: Sequence[str] = (), how: str = "float") -> tuple[MultiTaskNet, Checkpoint]:
    """The network with the layers of `patterns` in float or 16 bits, and its checkpoint: of step 2, for it is no integer network.

    how: one of FALLBACKS.
    """
    config = with_kept_layers(job.config, patterns, how)
    net = _quantized(job, config)
    return net, mixed_checkpoint(net, config)


def with_kept_layers(config: ExperimentConfig, patterns: Sequence[str], how: str) -> ExperimentConfig:
    """The config with further patterns, in its default and in the heads that say their own."""
    key = FALLBACKS[how]

    def more(quantization: dict[str, object]) -> dict[str, object]:
        return {**quantization, key: [*quantization.get(key, ()), *patterns]}

    if not patterns:
        return config
    values = dict(config.resolved)
    values["quantization"] = more(values.get("quantization", {}))
    values["tasks"] = {name: {**task, "quantization": more(task["quantization"])} if task.get("quantization") else task
                       for name, task in values["tasks"].items()}
    return config_from_dict(values)


@dataclass(frozen=True)
class Mixed:
    """A network with some parts in float or 16 bits that keeps every task within the allowed drop."""

    net: MultiTaskNet
    checkpoint: Checkpoint
    parts: tuple[str, ...]
    metrics: dict[str, float]


def keep_worst_parts(job: PtqInputs, ranking: Sequence[tuple[str, str]], measure: Callable[[MultiTaskNet], dict[str, float]],
                is_good: Callable[[dict[str, float]], bool], on_try: Callable[[Sequence[str], dict[str, float]], None],
                how: str = "float") -> Mixed | None:
    """Spare the first, the first two, ... parts until the metrics are good; None if half of them do not suffice.

    ranking: (part, its pattern), the worst first; with more than half of it left out, a network is none of 8 bits; how: one of
    FALLBACKS.
    """
    for count in range(1, len(ranking) // 2 + 1):
        parts, patterns = zip(*ranking[:count])
        net, checkpoint = mixed_network(job, patterns, how)
        metrics = measure(net)
        on_try(parts, metrics)
        if is_good(metrics):
            return Mixed(net, checkpoint, parts, metrics)
    return None


