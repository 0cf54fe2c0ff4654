"""Automatic compression: candidates are ranked by latency, the best are trained, and the fastest that is good enough is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mtzoo.compression.candidates import LEAST_GAIN, ORIGINAL, Candidate, all_candidates, of_strategy, order_of_trial
from mtzoo.compression.hardware_profile import PRECISIONS, HardwareProfile, load_profile
from mtzoo.compression.latency import unmeasured_kinds, unmeasured_line
from mtzoo.engine.calibration import Batches, calibration_images
from mtzoo.engine.candidates import folded_candidates, measured_latency, predicted_latency, pruned_network
from mtzoo.engine.compress_state import STATE, CompressState, load_state, made_for
from mtzoo.engine.ptq import fold_all, load_float_network, require_exact
from mtzoo.engine.retraining import Retraining
from mtzoo.engine.stages import INTEGER_STEP
from mtzoo.evaluation.comparison import Variant
from mtzoo.graph import read_program
from mtzoo.models import MultiTaskNet
from mtzoo.recipes.compress.candidate_run import CandidateRun, train_candidate
from mtzoo.recipes.compress.files import training_text
from mtzoo.recipes.compress.report import candidate_table, draw_candidates
from mtzoo.recipes.compress.strategy import WINNER, copy_model
from mtzoo.recipes.models import export_spec
from mtzoo.recipes.workspace import Base, Workspace, float_model, int8_job, measure_base
from mtzoo.settings.target import HOST, MAX_DROP, Target

PICTURE = "compress.png"


@dataclass(frozen=True)
class CompressResult:
    """What the search of `compress` returns.

    Attributes:
        out: The folder of all files.
        model: The deploy model of the winner. None if no candidate holds `max_drop`.
        winner: The name of the winner, e.g. `"prune0.3+int8"`. None if no candidate holds `max_drop`.
        latency_ms: Candidate -> latency in milliseconds, measured or predicted.
        base: The original network. None if no candidate was worth training.
        tried: Candidate -> the trained network as it was measured.
    """

    out: Path
    model: Path | None
    winner: str | None
    latency_ms: Mapping[str, float]
    base: Variant | None
    tried: Mapping[str, Variant]

    @property
    def passed(self) -> bool:
        """Whether there is a winner, and all its executors agree."""
        return self.winner is not None and self.tried[self.winner].passed


@dataclass(frozen=True)
class Search:
    """What is searched. checkpoint: of the original; wanted: of all `candidates` those that may be trained; profile: of the target's
    hardware, None: this machine is measured; resume: go on with the state of an interrupted search."""

    workspace: Workspace
    checkpoint: Path
    target: Target
    wanted: list[Candidate]
    candidates: list[Candidate]
    profile: HardwareProfile | None
    retraining: Retraining
    calib_images: int | None
    ctx: str | None
    resume: bool


def search_of(workspace: Workspace, checkpoint: Path, target: Target, retraining: Retraining, *, calib_images: int | None,
              ctx: str | None, resume: bool) -> Search:
    """Raises UserError for hardware or a strategy that is not known."""
    profile = None if target.deploy_hardware == HOST else load_profile(target.deploy_hardware)
    candidates = all_candidates(profile.precisions if profile else PRECISIONS)
    wanted = of_strategy(candidates, target.strategy)
    return Search(workspace, checkpoint, target, wanted, candidates, profile, retraining, calib_images, ctx, resume)


def search_candidates(task: Search) -> CompressResult:
    """Rank all candidates, train the `wanted` ones that are worth it until one holds the bound."""
    workspace, config, target, state = task.workspace, task.workspace.config, task.target, open_state(task)
    net = load_float_network(config, task.checkpoint)
    images = Batches(calibration_images(config, task.calib_images))
    require_exact(int8_job(config, net, images), "compress")
    pruned = pruned_network(config, net, task.checkpoint, workspace.out)
    speedups = rank(workspace, state, net, pruned, task.candidates, target.deploy_hardware, task.profile)
    order = order_of_trial(task.wanted, speedups, target.speedup)
    if not order:
        what = "nothing pays: no candidate is" if target.strategy is None else f"{task.wanted[0].name} does not pay: it is not"
        workspace.say(f"on {target.deploy_hardware} {what} {LEAST_GAIN:g} times as fast as without it, or with a method less")
        return CompressResult(workspace.out, None, None, state.latency_ms, state.base, state.results)
    workspace.say(f"worth training, in this order: {', '.join(c.name for c in order)}")
    teacher = Path(config.distillation.teacher) if config.distillation else task.checkpoint
    max_drop = MAX_DROP if target.max_drop is None else target.max_drop
    base = measured_base(workspace, state, net)
    trial = CandidateRun(workspace, base, net, pruned, teacher, task.retraining, images, max_drop, task.ctx)
    winner = try_in_order(trial, state, order)
    workspace.console.print(candidate_table(config.name, state, task.candidates, workspace.kinds))
    draw_candidates(workspace.out / PICTURE, state, task.candidates, workspace.kinds)
    return copy_winner(trial, state, winner)


def open_state(task: Search) -> CompressState:
    """That of an interrupted search that is to go on, or a new one."""
    path, retraining = task.workspace.out / STATE, task.retraining
    origin = made_for(task.workspace.config, task.checkpoint, hardware=task.target.deploy_hardware, iterations=retraining.iterations,
                      batch_size=retraining.batch_size, learning_rate=retraining.learning_rate, limit=task.workspace.limit,
                      training=training_text(retraining))
    return load_state(path, origin) if task.resume and path.exists() else CompressState(path, origin)


def rank(workspace: Workspace, state: CompressState, net: MultiTaskNet, pruned: MultiTaskNet, candidates: list[Candidate],
         hardware: str, profile: HardwareProfile | None) -> dict[Candidate, float]:
    """How many times as fast as the original each candidate is; measured or predicted once.

    profile: of `hardware`, None: this machine is measured.
    """
    if not state.latency_ms:
        workspace.say(f"{len(candidates)} candidates: {'measuring on this machine' if profile is None else 'predicting'} their latency")
        nets, spec = folded_candidates(workspace.config, net, pruned, candidates), export_spec(workspace.config, INTEGER_STEP)
        if profile is not None and (kinds := unmeasured_kinds([read_program(net)], profile)):
            workspace.say(unmeasured_line(hardware, kinds))
        latency = measured_latency(nets, spec, workspace.threads) if profile is None else predicted_latency(nets, spec, profile)
        state.latency_ms = {candidate.name: ms for candidate, ms in latency.items()}
        state.save()
    workspace.console.print(candidate_table(workspace.config.name, state, candidates, workspace.kinds))
    return {c: state.latency_ms[ORIGINAL.name] / state.latency_ms[c.name] for c in candidates}


def measured_base(workspace: Workspace, state: CompressState, net: MultiTaskNet) -> Base:
    """The original: evaluated once."""
    folded = fold_all(net, workspace.config)
    if state.base is not None:
        return Base(state.base, float_model(workspace.config, folded))
    base = measure_base(workspace, net, folded)
    state.base = base.variant
    state.save()
    return base


def try_in_order(trial: CandidateRun, state: CompressState, order: list[Candidate]) -> Candidate | None:
    """Train one after another until one holds the bound."""
    for candidate in order:
        if candidate.name not in state.results:
            trial.workspace.say(f"{candidate.name}: training")
            result, model = train_candidate(trial, candidate)
            state.results[candidate.name] = result
            state.models[candidate.name] = str(model.relative_to(trial.workspace.out))
            state.save()
        if trial.holds(state.results[candidate.name]):
            return candidate
        trial.workspace.say(f"{candidate.name}: loses more than {trial.max_drop:g} points")
    return None


def copy_winner(trial: CandidateRun, state: CompressState, winner: Candidate | None) -> CompressResult:
    """Copy the winner's deploy model and its sidecar to the top of the folder, and print what was found."""
    say, folder = trial.workspace.say, trial.workspace.out
    if winner is None:
        say(f"--max-drop {trial.max_drop:g}: none of the {len(state.results)} candidates that were trained holds it; all are kept in "
            f"{folder}. Train longer (--iters) or allow more")
        return CompressResult(folder, None, None, state.latency_ms, trial.base.variant, state.results)
    model, result = folder / state.models[winner.name], state.results[winner.name]
    copy_model(model, folder / WINNER)
    say(f"{winner.name}: {state.latency_ms[ORIGINAL.name] / state.latency_ms[winner.name]:.2f} times as fast as the original, "
        f"{trial.base.variant.bytes / result.bytes:.2f} times smaller; {folder / WINNER} (checkpoint beside {model})")
    return CompressResult(folder, folder / WINNER, winner.name, state.latency_ms, trial.base.variant, state.results)
