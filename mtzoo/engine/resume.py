"""What a run begins with: the weights of a checkpoint, or the whole state of a run that was interrupted."""

from collections.abc import Callable
from pathlib import Path

import torch

from mtzoo.engine.checkpoint import Checkpoint, load_checkpoint, load_matching, load_network_state
from mtzoo.engine.checkpoint_values import StageRecord, restoring
from mtzoo.engine.distributed import world_size
from mtzoo.engine.loop import PhaseState
from mtzoo.engine.run import Run
from mtzoo.engine.stages import network_at
from mtzoo.errors import UserError, cut, shown
from mtzoo.quantization import set_fake_quant, set_observing

SHOWN_TENSORS = 4


def weights_of(path: Path | None, *, if_they_fit: bool = False) -> Callable[[Run], None] | None:
    """What `train` takes as `initialize`: start from a float checkpoint of this network, or of one that shares nodes with it.

    path: the checkpoint; None for published or random weights. if_they_fit: the weights of another network are told of and left, where
    they are an error otherwise.
    """

    def load(run: Run) -> None:
        state = load_checkpoint(path).network
        try:
            loaded, left = load_matching(run.net, state, path)
        except UserError as error:
            if not if_they_fit:
                raise
            run.console.print(f"{error}; starting from random weights")
            return
        names = [*map(cut, left[:SHOWN_TENSORS]), *["..."] * (len(left) > SHOWN_TENSORS)]
        run.console.print(f"{path}: {len(loaded)} tensors loaded, {len(left)} start anew{': ' if left else ''}{', '.join(names)}")

    return None if path is None else load


def restore(run: Run, path: Path, checkpoint: Checkpoint) -> None:
    """Rebuild the network at the checkpoint's point of the run, folds replayed.

    Raises UserError for a checkpoint without all that training needs, of an older version.
    """
    position, training = checkpoint.progress, checkpoint.training
    if missing := sorted({"criterion", "phase", "rng", "bad_images", "processes"} - training.keys()):
        raise UserError(f"{path}: training cannot continue from it: an older version wrote it without '{missing[0]}'; "
                        "start anew in another --out")
    if training.get("teacher") != run.criterion.teacher:  # the path may differ, the file may not
        raise UserError(f"{run.config.distillation.teacher}: not the teacher that the run in {path.parent} has learnt from; resume "
                        "with the same file, or start anew in another --out")
    run.net = network_at(run.config, position.step, position.quantized)
    load_network_state(run.net, checkpoint.network, path)
    if position.quantized:
        run.criterion.auxiliary = None
    with restoring(f"{path}: training.criterion"):
        run.criterion.load_state_dict(training["criterion"])
    with restoring(f"{path}: training.rng"):
        torch.set_rng_state(training["rng"])
    set_fake_quant(run.net, position.quantized)
    set_observing(run.net, position.quantized and not position.done)
    run.net.to(run.device)
    run.history = [StageRecord(**record) for record in checkpoint.history]
    run.processes = training["processes"]
    if run.processes < 1:
        raise UserError(f"{path}: training.processes={shown(run.processes)}: expected 1 or more; start from another checkpoint")
    others = f"; {run.processes} processes began it, {world_size()} share its batches now" if run.processes != world_size() else ""
    run.console.print(f"resumed from {path}{others}")


def phase_state(path: Path, checkpoint: Checkpoint) -> PhaseState | None:
    """How far the checkpoint's phase had come, None before its first iteration. Raises UserError for what cannot be."""
    saved = checkpoint.training["phase"]
    if not saved:
        return None
    with restoring(f"{path}: training.phase"):
        state = PhaseState(**saved)
    if state.iteration != checkpoint.progress.iteration:
        raise UserError(f"{path}: training.phase.iteration={shown(state.iteration)}, but progress.iteration="
                        f"{checkpoint.progress.iteration}; start from another checkpoint")
    return state
