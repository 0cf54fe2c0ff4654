"""What `mtzoo ptq` hands over: the integer network, or one with parts in float that keeps every task's drop."""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from mtzoo.cli.deliver import originals
from mtzoo.cli.delivery import (
    VERIFY_IMAGES,
    Base,
    Delivery,
    deliver_integer,
    network_costs,
    show_comparison,
)
from mtzoo.cli.models import export_spec
from mtzoo.config import config_from_dict
from mtzoo.engine.checkpoint import save_checkpoint
from mtzoo.engine.pictures import pick_samples
from mtzoo.engine.ptq import Job, Mixed, integer_network, mixed_network, spare_parts
from mtzoo.engine.sensitivity import (
    ADVICE,
    Noise,
    draw_noise,
    fingerprint,
    load_noise,
    measure_noise,
    noise_table,
    rank_parts,
    save_noise,
)
from mtzoo.engine.stages import FOLDED_STEP
from mtzoo.evaluation.comparison import Variant, failing_tasks, task_drops
from mtzoo.export.deploy import export_model
from mtzoo.models import MultiTaskNet
from mtzoo.runtime.verify_mixed import verify_mixed

SENSITIVITY, PICTURE = "sensitivity.json", "sensitivity.png"
KEPT_FILES = (SENSITIVITY, PICTURE)
"""What a save dir may hold at the start: a table of an earlier run, which is used again."""


def compare_integer(delivery: Delivery, job: Job, base: Base) -> Variant:
    """Quantize the whole network, write, verify and measure it, print the comparison."""
    delivery.say("integers: calibrating and converting")
    return deliver_integer(delivery, base, "integers", *integer_network(job))


def evaluate_mixed(delivery: Delivery, net: MultiTaskNet) -> dict[str, float]:
    """Metrics of a network with float parts, as the file that would be made of it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mixed.onnx"
        export_model(net, export_spec(delivery.config, FOLDED_STEP), path, postprocess=True)
        return delivery.evaluate_file(path)


def compare_as_configured(delivery: Delivery, job: Job, base: Base, layers: Sequence[str]) -> Variant:
    """The same for a config that leaves `layers` in float, or their inputs: there is no integer network to make."""
    delivery.say(f"the config leaves {len(layers)} layers in float, or their inputs, {layers[0]} first: no integer network")
    net, checkpoint = mixed_network(job, ())
    return deliver_mixed(delivery, base, Mixed(net, checkpoint, tuple(layers), evaluate_mixed(delivery, net)))


def compare_mixed(delivery: Delivery, job: Job, checkpoint: Path, base: Base, integers: Variant, max_drop: float) -> bool:
    """Find the parts to blame and leave them in float until no task loses more than `max_drop`; whether that was reached.

    checkpoint: where the job's network comes from.
    """
    before, kinds = base.variant.metrics, delivery.kinds
    failing = failing_tasks(before, integers.metrics, kinds, max_drop)
    delivery.say(f"more than {max_drop:g} points lost: " + ", ".join(f"{task} {drop:.2f}" for task, drop in failing.items()))
    noise = sensitivity(delivery, job, checkpoint, sorted(failing))

    def is_good(metrics: dict[str, float]) -> bool:
        return not failing_tasks(before, metrics, kinds, max_drop)

    def on_try(parts: Sequence[str], metrics: dict[str, float]) -> None:
        drops = task_drops(before, metrics, kinds)
        delivery.say(f"in float: {', '.join(p.removeprefix('nodes.') for p in parts)}: largest drop "
                     f"{max(drop for drop in drops.values() if not math.isnan(drop)):.2f}")

    mixed = spare_parts(job, rank_parts(job, noise, failing), partial(evaluate_mixed, delivery), is_good, on_try)
    if mixed is None:
        delivery.say(f"--max-drop {max_drop:g} cannot be reached with half of the network in integers; train with quantization: "
                     f"mtzoo quant-train --load-from {checkpoint}")
        return False
    deliver_mixed(delivery, base, mixed)
    return True


def sensitivity(delivery: Delivery, job: Job, checkpoint: Path, tasks: list[str]) -> Noise:
    """The noise of every part: measured, or of an earlier run; printed, drawn and saved."""
    path, made_for = delivery.save_dir / SENSITIVITY, fingerprint(job, checkpoint)
    known = load_noise(path, made_for) if path.exists() else {}
    if known:
        delivery.say(f"{path}: {len(known)} parts measured before")
    noise = measure_noise(job, known, lambda part, found: save_noise(path, made_for, found))
    delivery.console.print(noise_table(noise, tasks))
    draw_noise(delivery.save_dir / PICTURE, noise, tasks)
    return noise


def deliver_mixed(delivery: Delivery, base: Base, mixed: Mixed) -> Variant:
    """Write and compare the network with float parts. Executors are compared, equality is not claimed."""
    config = config_from_dict(mixed.checkpoint.config)
    save_checkpoint(delivery.save_dir / "mixed-last.pt", mixed.checkpoint, ADVICE)
    path = delivery.save_dir / "mixed-export-last.onnx"
    export_model(mixed.net, export_spec(config, FOLDED_STEP), path, postprocess=True)
    distances = verify_mixed(mixed.net, path, originals(pick_samples(config, VERIFY_IMAGES)))
    delivery.say(f"mixed: {len(mixed.parts)} parts or layers in float, NOT an integer network; executors differ where float sums do:")
    for name, distance in distances.items():
        delivery.say(f"  {name}: {distance.differing:,} of {distance.values:,} raw values differ from torch, by {distance.largest:.1e} "
                     "at most")
    result = Variant("mixed", mixed.metrics, path.stat().st_size, *network_costs(mixed.net, config))
    return show_comparison(delivery, base, result, path, "comparison-mixed.json")
