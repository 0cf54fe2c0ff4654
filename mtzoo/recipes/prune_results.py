"""What `prune` makes: the plan, the narrower float network, and its integers against those of the original."""

from pathlib import Path

from mtzoo.config import ExperimentConfig
from mtzoo.console import numbered
from mtzoo.deploy.file import DeployFile
from mtzoo.engine.calibration import Batches
from mtzoo.engine.checkpoint import Checkpoint, Progress, save_checkpoint
from mtzoo.engine.fingerprint import ADVICE
from mtzoo.engine.pruning import PruningPlan, pruned_config, too_far
from mtzoo.engine.pruning_record import PICTURE, draw_plan, plan_table
from mtzoo.engine.ptq import integer_network, left_inexact
from mtzoo.engine.retraining import Retraining, retrain, retraining_config
from mtzoo.engine.stages import FLOAT_STEP
from mtzoo.graph import read_program
from mtzoo.models import MultiTaskNet
from mtzoo.recipes.exported import Compressed, export_integer
from mtzoo.recipes.workspace import (
    ORIGINAL,
    Workspace,
    float_checkpoint,
    int8_job,
    integer_base,
    integer_file,
    latency_shown,
    network_costs,
)
from mtzoo.runtime.layer_times import layer_times
from mtzoo.settings.pruning import Pruning

PRUNED = "pruned, int8"
LATENCY_RUNS = 40
LATENCY_THREADS = 2


class LatencyMeter:
    """How much quicker than the original's deploy model a pruned network's is, in OpenVINO, both in int8 in one run."""

    def __init__(self, config: ExperimentConfig, net: MultiTaskNet, batches: Batches, threads: int | None) -> None:
        self.config, self.batches, self.threads = config, Batches(batches.images[:1]), threads or LATENCY_THREADS
        self.original = self._file(net)

    def layer_nanoseconds(self) -> dict[str, float]:
        """Convolution -> its time in the original's deploy model."""
        times = layer_times(self.original.model, self.original.info, self.threads, LATENCY_RUNS)
        return {layer: 1e3 * microseconds for layer, microseconds in times.items()}

    def saved(self, pruned: MultiTaskNet) -> float:
        """Share of the latency that is gone."""
        file = self._file(pruned)
        times = latency_shown({"original": self.original.model, "pruned": file.model}, file.info, self.threads, LATENCY_RUNS)
        return 1 - times["pruned"] / times["original"]

    def _file(self, net: MultiTaskNet) -> DeployFile:
        with integer_file(self.config, net, self.batches) as file:
            return file


def show_plan(workspace: Workspace, net: MultiTaskNet, pruned: MultiTaskNet, plan: PruningPlan, pruning: Pruning) -> None:
    """Print the table, write the picture. net: the original."""
    program = read_program(net)
    workspace.console.print(plan_table(plan, program))
    draw_plan(workspace.out / PICTURE, plan, program)
    before, after = (network_costs(each, workspace.config) for each in (net, pruned))
    shares = [f"{100 * (1 - b / a):.1f} % of the {name}" for name, a, b in zip(("parameters", "MACs"), before, after)]
    measured = f" and {100 * plan.removed:.1f} % of the latency" if pruning.criterion == "latency" else ""
    workspace.say(f"removed: {' and '.join(shares)}{measured}{overshoot_text(plan, pruning)}")


def overshoot_text(plan: PruningPlan, pruning: Pruning) -> str:
    """Why more goes than was asked for; "" where it does not."""
    if not too_far(plan, pruning):
        return ""
    why = "no smaller step reaches that"
    if pruning.criterion == "latency":
        why = "single steps of channels are not tried: what one takes of the latency is within the noise"
    return f"; {100 * pruning.ratio:.1f} % were asked for, and {why}"


def train_on(workspace: Workspace, pruned: MultiTaskNet, retraining: Retraining | None, *, ctx: str | None,
             resume: bool) -> tuple[MultiTaskNet, ExperimentConfig, Path]:
    """The pruned network, trained on if that is asked for, its config, and its float checkpoint, which is written."""
    config = pruned_config(workspace.config, pruned)
    path = float_checkpoint(config, workspace.out)
    if retraining is not None:
        config = retraining_config(config, retraining, quantized=False)
        run = retrain(config, workspace.out, quantized=False, console=workspace.console, ctx=ctx, resume=resume,
                      initialize=lambda run: run.net.load_state_dict(pruned.state_dict()), eval_limit=workspace.limit)
        return run.net, config, path
    save_checkpoint(path, Checkpoint(dict(config.resolved), Progress(FLOAT_STEP, False, 0, True), pruned.state_dict()), ADVICE)
    return pruned, config, path


def compare_pruned(workspace: Workspace, net: MultiTaskNet, pruned: MultiTaskNet, config: ExperimentConfig,
                   batches: Batches) -> Compressed | None:
    """Quantize the original and the pruned network (with its config) in the same way, export and compare.

    None for a config that keeps layers from being integers.
    """
    job = int8_job(config, pruned, batches)
    if layers := left_inexact(job):
        name, why = next(iter(layers.items()))
        workspace.say(f"no integer network, because of {numbered(len(layers), 'layer')}: '{name}' {why} first")
        return None
    workspace.say(f"{ORIGINAL}: calibrating, converting, evaluating")
    base = integer_base(workspace, net, batches)
    workspace.say(f"{PRUNED}: calibrating and converting")
    return export_integer(workspace, base, PRUNED, *integer_network(job))
