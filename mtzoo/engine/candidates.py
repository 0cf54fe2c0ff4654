"""Candidates of automatic compression as networks: built without training, so that their latency is known before any of it is spent."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path

import onnx
import torch

from mtzoo.compression import Sparsity, removed_channels, sparse_layers
from mtzoo.compression.candidates import PRUNE, SPARSE, Candidate
from mtzoo.compression.hardware_profile import HardwareProfile
from mtzoo.compression.latency import predict_latency
from mtzoo.compression.sparsity import next_masks
from mtzoo.config import ExperimentConfig
from mtzoo.deploy.export import ExportSpec, describe
from mtzoo.engine.latency_check import latency_model
from mtzoo.engine.pruning import plan_pruning, without
from mtzoo.engine.pruning_record import RECORD, load_record, made_for, save_record
from mtzoo.engine.ptq import fold_all
from mtzoo.models import MultiTaskNet
from mtzoo.progress import counted, show_progress
from mtzoo.runtime.bench import compare_latency
from mtzoo.settings.pruning import Pruning

RUNS = 30


def pruned_network(config: ExperimentConfig, net: MultiTaskNet, checkpoint: Path, folder: Path) -> MultiTaskNet:
    """A copy of the float network of `checkpoint` without PRUNE of its MACs. What goes is chosen once and kept in the folder."""
    pruning, record = Pruning(PRUNE), folder / RECORD
    origin = made_for(config, checkpoint, pruning, None)
    if record.exists():
        return without(net, load_record(record, origin))
    plan = plan_pruning(config, net, pruning)
    folder.mkdir(parents=True, exist_ok=True)
    save_record(record, origin, plan)
    return without(net, removed_channels(plan.choice, plan.groups))


@torch.no_grad()
def with_zeros(net: MultiTaskNet) -> MultiTaskNet:
    """A copy whose smallest weights are zero, as many as sparsifying makes."""
    sparse, sparsity = deepcopy(net), Sparsity(SPARSE)
    weights = {name: layer.conv.weight for name, layer in sparse_layers(sparse, sparsity).items()}
    for name, mask in next_masks(weights, sparsity, 1.0).items():
        weights[name].mul_(mask)
    return sparse


def folded_candidates(config: ExperimentConfig, net: MultiTaskNet, pruned: MultiTaskNet,
                      candidates: Sequence[Candidate]) -> dict[Candidate, MultiTaskNet]:
    """Each as a float network without BN, untrained."""
    made = {}
    for candidate in candidates:
        start = pruned if candidate.prune else net
        made[candidate] = fold_all(with_zeros(start) if candidate.sparse else start, config)
    return made


def measured_latency(nets: Mapping[Candidate, MultiTaskNet], spec: ExportSpec, threads: int) -> dict[Candidate, float]:
    """Milliseconds of each on this machine, in OpenVINO, in interleaved rounds. Progress is shown on stderr."""
    with show_progress("making candidates", transient=True) as on_progress:
        models: dict[str, onnx.ModelProto] = {c.name: latency_model(net, spec, c.precision)
                                              for c, net in counted(nets.items(), on_progress)}
    hints = {c.name: "bf16" for c in nets if c.precision == "bf16"}
    first = next(iter(nets))
    with show_progress("measuring latency", transient=True) as on_progress:
        times = compare_latency(models, describe(models[first.name], nets[first], spec), threads, RUNS, hints,
                                lambda done: on_progress(done, RUNS))
    return {candidate: times[candidate.name] for candidate in nets}


def predicted_latency(nets: Mapping[Candidate, MultiTaskNet], spec: ExportSpec, profile: HardwareProfile) -> dict[Candidate, float]:
    """Milliseconds of each on the profile's hardware."""
    return {c: predict_latency(net, spec.geometry.input_hw, profile, c.precision, SPARSE if c.sparse else 0.0)
            for c, net in nets.items()}
