"""What `quantize` makes: the integer network, or one with parts in float that keeps every task's drop."""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mtzoo.engine.ptq import Job, integer_network, mixed_network, spare_parts
from mtzoo.engine.sensitivity import (
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
from mtzoo.recipes.delivery import Base, Compressed, Delivery, deliver_integer, deliver_mixed, evaluate_mixed

SENSITIVITY, PICTURE = "sensitivity.json", "sensitivity.png"
KEPT_FILES = (SENSITIVITY, PICTURE)
"""What a save dir may hold at the start: a table of an earlier run, which is used again."""


def compare_integer(delivery: Delivery, job: Job, base: Base) -> Compressed:
    """Quantize the whole network, write, verify and measure it, print the comparison."""
    delivery.say("integers: calibrating and converting")
    return deliver_integer(delivery, base, "integers", *integer_network(job))


def compare_as_configured(delivery: Delivery, job: Job, base: Base) -> Compressed:
    """The same for a config with which there is no integer network to make."""
    net, checkpoint = mixed_network(job)
    return deliver_mixed(delivery, base, net, checkpoint)


def compare_mixed(delivery: Delivery, job: Job, checkpoint: Path, base: Base, integers: Compressed, max_drop: float,
                  how: str) -> Compressed | None:
    """Find the parts to blame and spare them until no task loses more than `max_drop`; None if that cannot be reached.

    checkpoint: where the job's network comes from; how: one of SPARE.
    """
    before, kinds = base.variant.metrics, delivery.kinds
    failing = failing_tasks(before, integers.result.metrics, kinds, max_drop)
    delivery.say(f"more than {max_drop:g} points lost: " + ", ".join(f"{task} {drop:.2f}" for task, drop in failing.items()))
    noise = sensitivity(delivery, job, checkpoint, sorted(failing))

    def is_good(metrics: dict[str, float]) -> bool:
        return not failing_tasks(before, metrics, kinds, max_drop)

    def on_try(parts: Sequence[str], metrics: dict[str, float]) -> None:
        drops = task_drops(before, metrics, kinds)
        delivery.say(f"in {how}: {', '.join(p.removeprefix('nodes.') for p in parts)}: largest drop "
                     f"{max(drop for drop in drops.values() if not math.isnan(drop)):.2f}")

    mixed = spare_parts(job, rank_parts(job, noise, failing), partial(evaluate_mixed, delivery), is_good, on_try, how)
    if mixed is None:
        delivery.say(f"--max-drop {max_drop:g} cannot be reached with half of the network spared; train with quantization: "
                     f"mtzoo quant --model-path {checkpoint}")
        return None
    return deliver_mixed(delivery, base, mixed.net, mixed.checkpoint, mixed.metrics)


def sensitivity(delivery: Delivery, job: Job, checkpoint: Path, tasks: list[str]) -> Noise:
    """The noise of every part: measured, or of an earlier run; printed, drawn and saved."""
    path, made_for = delivery.save_dir / SENSITIVITY, fingerprint(job, checkpoint)
    known = load_noise(path, made_for) if path.exists() else {}
    if known:
        delivery.say(f"{path}: {len(known)} parts measured before")
    total = len(parts_of(job))
    with show_progress("noise of each part", transient=True) as on_progress:
        def on_part(part: str, found: Noise) -> None:
            save_noise(path, made_for, found)
            on_progress(len(found), total)

        noise = measure_noise(job, known, on_part)
    delivery.console.print(noise_table(noise, tasks))
    draw_noise(delivery.save_dir / PICTURE, noise, tasks)
    return noise
