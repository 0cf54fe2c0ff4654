import io

import pytest
import torch

from mtzoo.console import PlainConsole
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.integer_step import Equality, compare, require_equal, to_integers
from mtzoo.engine.run import start_run
from mtzoo.engine.stages import network_at
from mtzoo.errors import UserError
from mtzoo.layers import normalize_image
from mtzoo.quantization import calibrate
from tests.tiny import HW, tiny_config


@pytest.fixture
def run(tmp_path):
    """A run whose network is calibrated and folded, as at the end of step 2."""
    config = tiny_config(tmp_path, ["seg"])
    run = start_run(config, tmp_path / "run", ctx="cpu", resume=False, pipeline_test=False, console=PlainConsole(file=io.StringIO()))
    run.net = network_at(config, 2, quantized=True)
    calibrate(run.net, [normalize_image(image) for image in images(2)])
    return run


def images(count):
    torch.manual_seed(3)
    return [torch.randint(0, 256, (1, 3, *HW), dtype=torch.uint8) for _ in range(count)]


def test_step_3_is_step_2_and_its_checkpoint_holds_integers_only(run):
    integer = to_integers(run)
    equality = compare(run, integer, images(3))
    assert (equality.images, equality.values, equality.total) == (3, 3 * 3 * 16 * 24, 0)
    require_equal(equality)
    checkpoint = load_checkpoint(run.work_dir.path / "int-inference-last.pt")
    assert checkpoint.progress.step == 3
    assert {value.dtype for value in checkpoint.network.values()} == {torch.int8, torch.int32}


def test_a_difference_is_found_counted_and_refused(run):
    integer = to_integers(run)
    conv = integer.steps["nodes/seg_head/classify"]
    conv.bias[0] += 1 << 22  # beyond the 8 bits of the logits
    equality = compare(run, integer, images(1))
    assert equality.differing == {"seg.logits": 16 * 24}
    with pytest.raises(UserError, match="step 3 differs from step 2 in 384 of 1152 values, most in seg.logits"):
        require_equal(equality)


def test_the_sum_is_over_all_outputs():
    assert Equality(1, 10, {"a": 2, "b": 3}).total == 5
