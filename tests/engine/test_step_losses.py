import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mtzoo.config import config_from_dict
from mtzoo.engine.loop import train_step
from mtzoo.engine.losses import MultiTaskLoss
from mtzoo.engine.stages import network_at
from mtzoo.engine.step_losses import StepLosses, read_losses
from mtzoo.structures import IGNORE, Batch
from tests.tiny import HW, config_values, write_images


def test_means_are_over_the_batches_that_have_a_loss():
    first, second = (StepLosses([{name: torch.tensor(value) for name, value in batch.items()} for batch in step]) for step in (
        [{"a": 1.0, "loss": 4.0}, {"loss": 6.0}, {"a": 2.0, "b": 8.0, "loss": 5.0}], [{"loss": 0.1}]))
    assert first.read() == {"a": 1.5, "loss": 5.0, "b": 8.0}
    assert read_losses([first, second]) == [first.read(), {"loss": pytest.approx(0.1)}]
    assert read_losses([]) == []


class Reads(TorchDispatchMode):
    """Counts operations whose result the CPU has to wait for: a GPU would have to finish all its work for each."""

    WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "unique")

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        masked = name == "index" and any(i is not None and i.dtype == torch.bool for i in args[1])
        if masked or name.startswith(self.WAITS):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def batch(empty=False):
    masks = torch.full((2, *HW), IGNORE if empty else 1, dtype=torch.uint8)
    return Batch(torch.randint(0, 256, (2, 3, *HW), dtype=torch.uint8), None, [HW] * 2, ["x"] * 2, ["s"] * 2, {}, {"seg": masks})


@pytest.mark.parametrize("empty", [False, True])
def test_a_step_waits_for_nothing_that_it_has_computed(tmp_path_factory, empty):
    """Cross-entropy over all pixels. Sizes that follow from labels (hard pixels, Lovasz, boxes) have to be waited for."""
    root = write_images(tmp_path_factory.mktemp("tiny") / "data")
    values = config_values(root, ["seg"])
    values["tasks"]["seg"]["loss"] = {"type": "SegmentationLoss", "lovasz_weight": 0.0}
    config = config_from_dict(values)
    net, criterion, taken = network_at(config, 0, quantized=False).train(), MultiTaskLoss(config), batch(empty)
    with Reads() as reads:
        losses = train_step(net, criterion, [taken, taken], torch.optim.SGD(net.parameters(), lr=0.1), 10.0, False)
    assert reads.found == []
    with Reads() as reads:
        assert bool((torch.ones(3) > 0).any())
        assert losses.values[losses.values > 0].numel() == (0 if empty else len(losses.values))
    assert reads.found == ["_local_scalar_dense", "index"]  # the counter counts
