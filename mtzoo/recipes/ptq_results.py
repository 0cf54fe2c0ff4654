"""What `quantize` makes: the integer network, or one with parts in float that keeps every task's drop."""

import math
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mtzoo.engine.ptq import PtqInputs, integer_network, keep_worst_parts, mixed_network
from mtzoo.engine.quantization_noise import (
    Noise,
    draw_noise,
    fingerprint,
    load_noise,
    measure_noise,
    noise_table,
    parts_of,
    rank_parts,
    save_noise,
)
from mtzoo.evaluation.comparison import failing_tasks, task_drops
from mtzoo.progress import show_progress
from mtzoo.recipes.exported import Compressed, evaluate_mixed, export_integer, export_mixed
from mtzoo.recipes.workspace import Base, Workspace

NOISE, PICTURE = "noise.json", "noise.png"
KEPT_FILES = (NOISE, PICTURE)
"""what the output folder may hold at the start: a table of an earlier run, which is used again."""


def compare_integer(workspace: Workspace, job: PtqInputs, base: Base) -> Compressed:
    """Quantize the whole network, write, verify and measure it, print the comparison."""
    workspace.say("integers: calibrating and converting")
    return export_integer(workspace, base, "integers", *integer_network(job))


def compare_as_configured(workspace: Workspace, job: PtqInputs, base: Base) -> Compressed:
    """The same for a config with which there is no integer network to make."""
    net, checkpoint = mixed_network(job)
    return export_mixed(workspace, base, net, checkpoint)


def compare_mixed(workspace: Workspace, job: PtqInputs, checkpoint: Path, base: Base, integers: Compressed, max_drop: float,
                  how: str) -> Compressed | None:
    """Find the parts to blame and keep them in float or 16 bits until no task loses more than `max_drop`; None if it cannot be.

    checkpoint: where the job's network comes from; how: one of FALLBACKS.
    """
    before, kinds = base.variant.metrics, workspace.kinds
    failing = failing_tasks(before, integers.result.metrics, kinds, max_drop)
    workspace.say(f"more than {max_drop:g} points lost: " + ", ".join(f"{task} {drop:.2f}" for task, drop in failing.items()))
    noise = noise_of_parts(workspace, job, checkpoint, sorted(failing))

    def is_good(metrics: dict[str, float]) -> bool:
        return not failing_tasks(before, metrics, kinds, max_drop)

    def on_try(parts: Sequence[str], metrics: dict[str, float]) -> None:
        drops = task_drops(before, metrics, kinds)
        workspace.say(f"in {how}: {', '.join(p.removeprefix('nodes.') for p in parts)}: largest drop "
                     f"{max(drop for drop in drops.values() if not math.isnan(drop)):.2f}")

    mixed = keep_worst_parts(job, rank_parts(job, noise, failing), partial(evaluate_mixed, workspace), is_good, on_try, how)
    if mixed is None:
        workspace.say(f"--max-drop {max_drop:g} cannot be reached with half of the network in 8 bits; train with quantization: "
                     f"mtzoo quant --checkpoint {shlex.quote(str(checkpoint))} --iters N")
        return None
    return export_mixed(workspace, base, mixed.net, mixed.checkpoint, mixed.metrics)


def noise_of_parts(workspace: Workspace, job: PtqInputs, checkpoint: Path, tasks: list[str]) -> Noise:
    """The noise of every part: measured, or of an earlier run; printed, drawn and saved."""
    path, made_for = workspace.out / NOISE, fingerprint(job, checkpoint)
    known = load_noise(path, made_for) if path.exists() else {}
    if known:
        workspace.say(f"{path}: {len(known)} parts measured before")
    total = len(parts_of(job))
    with show_progress("noise of each part", transient=True) as on_progress:
        def on_part(part: str, found: Noise) -> None:
            save_noise(path, made_for, found)
            on_progress(len(found), total)

        noise = measure_noise(job, known, on_part)
    workspace.console.print(noise_table(noise, tasks))
    draw_noise(workspace.out / PICTURE, noise, tasks)
    return noise
