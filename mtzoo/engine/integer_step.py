"""Step 3: the trained network as integers, and the proof that nothing changed."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mtzoo.engine.checkpoint import Checkpoint, Progress, save_checkpoint
from mtzoo.engine.run import Run
from mtzoo.engine.stages import INTEGER_STEP
from mtzoo.errors import UserError
from mtzoo.layers import normalize_image
from mtzoo.ops.precision import exact_float32
from mtzoo.progress import counted, show_progress
from mtzoo.quantization import IntegerNet, convert, freeze, integer_state
from mtzoo.structures import flatten_outputs


@dataclass(frozen=True)
class Equality:
    """Raw values compared between two networks, and how many differ, by output."""

    images: int
    values: int
    differing: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.differing.values())


def to_integers(run: Run) -> IntegerNet:
    """Freeze the step-2 network in `run.net`, convert it, and write `<prefix>-last.pt`: integers and exponents only.

    Raises UserError for a layer whose sums could leave the exact range.
    """
    run.net.cpu().eval()
    freeze(run.net)
    integer = convert(run.net)
    position = Progress(INTEGER_STEP, True, 0, True)
    state = dict(integer_state(run.net))
    save_checkpoint(run.work_dir.file(INTEGER_STEP, "last"), Checkpoint(dict(run.config.resolved), position, state))
    return integer


@torch.no_grad()
def compare(run: Run, integer: IntegerNet, images: Sequence[Tensor]) -> Equality:
    """Raw outputs of the fake-quant network in float32 against those of the integer network, on (1, 3, H, W) uint8 images.

    Progress is shown on stderr.
    """
    values, differing = 0, {}
    with exact_float32(), show_progress("step 3 against step 2", transient=True) as on_progress:
        for image in counted(images, on_progress):
            want = flatten_outputs(run.net(normalize_image(image)))
            got = flatten_outputs(integer(image))
            for name, value in want.items():
                values += value.numel()
                differing[name] = differing.get(name, 0) + int((value != got[name]).sum())
    return Equality(len(images), values, differing)


def require_equal(equality: Equality) -> None:
    """Raises UserError if step 3 differs from step 2: such a model is not exported."""
    if equality.total:
        worst = max(equality.differing, key=equality.differing.__getitem__)
        raise UserError(f"step 3 differs from step 2 in {equality.total} of {equality.values} values, most in {worst}: "
                        "this is a bug of mtzoo, please report it with the config")
