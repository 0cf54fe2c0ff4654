"""What only a GPU can show: the same integers on it as on a CPU, BN over processes, whole commands. Skipped without one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import mtzoo
from mtzoo.cli.main import main
from mtzoo.console import PlainConsole
from mtzoo.layers import normalize_image
from mtzoo.ops.exact import EXACT_LIMIT
from mtzoo.ops.precision import exact_float32
from mtzoo.quantization import calibrate, convert, fold_bn, freeze, prepare
from tests.cli.ptq_helpers import write_project
from tests.engine.test_channel_sensitivity import A_FEW_PIXELS
from tests.engine.test_sync_bn import images as bn_images
from tests.engine.test_sync_bn import one_step, small_net
from tests.quantization.conftest import net, x  # noqa: F401 the fixtures
from tests.quantization.helpers import differing, images, outputs
from tests.tiny import config_values, write_config, write_images

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

KERNELS = [(64, 64, 3, 1, 1), (128, 128, 3, 1, 1), (32, 64, 3, 2, 1), (64, 64, 3, 1, 8), (64, 64, 3, 1, 64), (256, 64, 1, 1, 1),
           (16, 16, 5, 1, 16), (3, 32, 7, 2, 1)]
"""Input channels, output channels, kernel size, stride, groups."""


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("inputs", "outs", "kernel", "stride", "groups"), KERNELS)
def test_a_float32_convolution_of_integers_is_exact(inputs, outs, kernel, stride, groups, memory_format):
    """Winograd's and Fourier's algorithms would not be."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (2, inputs, 40, 56), generator=generator).float()
    largest = min(127, EXACT_LIMIT // (255 * kernel * kernel * inputs // groups))
    weight = torch.randint(-largest, largest + 1, (outs, inputs // groups, kernel, kernel), generator=generator).float()
    wanted = F.conv2d(image.double(), weight.double(), None, stride, kernel // 2, 1, groups)
    with exact_float32(), torch.no_grad():
        got = F.conv2d(image.cuda().contiguous(memory_format=memory_format), weight.cuda(), None, stride, kernel // 2, 1, groups)
    assert torch.equal(got.double().cpu(), wanted)


def test_fake_quant_and_integers_are_those_of_a_cpu(net, x):  # noqa: F811
    prepare(net)
    calibrate(net, [x])
    fold_bn(net, ["nodes.*"])
    freeze(net)
    integer, seen = convert(net), images(4, seed=1)
    wanted = outputs(net, normalize_image(seen))
    assert differing(wanted, outputs(integer, seen)) == 0
    with exact_float32():
        fake_quant = outputs(net.cuda(), normalize_image(seen.cuda()).contiguous(memory_format=torch.channels_last))
    integers = outputs(integer.cuda(), seen.cuda())
    for got in (fake_quant, integers):
        assert differing(wanted, {name: value.cpu() for name, value in got.items()}) == 0


def one_of_two(rank, folder):
    """In a process of its own, which shares the GPU: a step on its images under SyncBatchNorm; state and gradients in `folder`."""
    import torch.distributed as dist

    from mtzoo.engine.sync_bn import synchronized_bn

    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    net, own = small_net().cuda(), bn_images().split(2)[rank].cuda()  # noqa: F811
    with synchronized_bn([net], torch.device("cuda")):
        assert type(net[1]) is nn.SyncBatchNorm
        _, gradients, state = one_step(net, own)
        for value in gradients.values():
            dist.all_reduce(value)
    torch.save({"gradients": gradients, "state": state}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_bn_over_two_processes_is_that_of_one_with_all_images(tmp_path):
    """Both on one GPU, over gloo: nccl wants a GPU for each."""
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "WORLD_SIZE": "2", "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    code = f"from tests.engine.test_cuda import one_of_two; one_of_two(RANK, {str(tmp_path)!r})"
    processes = [subprocess.Popen([sys.executable, "-c", code.replace("RANK", str(rank))], stderr=subprocess.PIPE, text=True,
                                  env={**environment, "RANK": str(rank)}) for rank in range(2)]
    told = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    _, gradients, state = one_step(small_net().cuda(), bn_images().cuda())
    for rank in range(2):
        got = torch.load(tmp_path / f"{rank}.pt", weights_only=True, map_location="cuda")
        torch.testing.assert_close(got["gradients"], gradients, rtol=2e-3, atol=2e-3)
        torch.testing.assert_close(got["state"], state, rtol=1e-5, atol=1e-5)


def test_a_whole_training_ends_in_the_same_integers_everywhere(tmp_path, capsys):
    """quant-train on the GPU: its last step compares fake-quant, integers, ONNX Runtime and OpenVINO on the CPU."""
    path = write_config(tmp_path / "config.py", config_values(write_images(tmp_path)))
    assert main(["quant-train", "--config", str(path), "--out", str(tmp_path / "run"), "--ctx", "0"]) == 0
    assert "differing: {'integer': 0, 'onnxruntime': 0, 'openvino': 0}" in capsys.readouterr().out


def test_sensitivity_measures_what_it_measures_on_a_cpu(tmp_path):
    root = write_project(tmp_path / "data", own_masks=True)
    options = {"ratios": [0.5], "limit": 2, "importance": "l1", "align": 4, "console": PlainConsole(quiet=True)}
    on_cpu, on_gpu = (mtzoo.measure_sensitivity(root / "float.pt", out=tmp_path / f"{ctx}.json", ctx=ctx, **options).table
                      for ctx in ("cpu", "0"))
    assert on_gpu.original == pytest.approx(on_cpu.original, abs=A_FEW_PIXELS, nan_ok=True)
    for one, other in zip(on_gpu.points, on_cpu.points, strict=True):
        assert (one.group, one.count) == (other.group, other.count)
        assert one.metrics["seg"] == pytest.approx(other.metrics["seg"], abs=A_FEW_PIXELS)
