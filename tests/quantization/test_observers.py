import pytest
import torch

from mtzoo.quantization.observers import SAMPLES, build_observer, sample
from mtzoo.quantization.qconfig import QConfig


def feature(peak: float) -> torch.Tensor:
    x = torch.full((1, 2, 4, 4), -0.5)
    x[0, 0, 0, 0] = peak
    return x


@pytest.mark.parametrize("observer", ["abs_max", "moving_average_abs_max", "percentile"])
def test_unsigned_ranges_ignore_what_the_relu_drops(observer: str) -> None:
    config = QConfig(observer=observer, percentile=100, scale_mode="float")
    assert float(build_observer(config, 0, 255).observe(feature(0.25))) == pytest.approx(0.25 / 255)
    assert float(build_observer(config, -128, 127).observe(feature(0.25))) == pytest.approx(0.5 / 127)


def test_abs_max_keeps_the_largest_and_the_average_moves() -> None:
    for observer, value in (("abs_max", 4.0), ("moving_average_abs_max", 0.9 * 4 + 0.1 * 2)):
        built = build_observer(QConfig(observer=observer), 0, 255)
        for peak in (4.0, 2.0):
            built.observe(feature(peak))
        assert float(built.value) == pytest.approx(value)


def test_shared_average_moves_once_per_pass_by_the_largest_source() -> None:
    built = build_observer(QConfig(), 0, 255)
    built.sources = 2
    for peak in (1.0, 3.0, 5.0, 1.0):
        built.observe(feature(peak))
    assert float(built.value) == pytest.approx(0.9 * 3 + 0.1 * 5)


def test_a_calibration_averages_a_few_batches_in_any_order() -> None:
    for peaks in ((1.0, 3.0, 8.0), (8.0, 1.0, 3.0)):
        built = build_observer(QConfig(), 0, 255)
        built.counted = 0
        for peak in peaks:
            built.observe(feature(peak))
        assert float(built.value) == pytest.approx(4)
    for _ in range(6):
        built.observe(feature(4.0))
    built.observe(feature(14.0))
    assert float(built.value) == pytest.approx(5)  # the mean of ten
    built.observe(feature(15.0))
    assert float(built.value) == pytest.approx(0.9 * 5 + 0.1 * 15)


def test_mse_prefers_fine_steps_to_a_lone_outlier() -> None:
    x = torch.rand(1, 8, 64, 64, generator=torch.Generator().manual_seed(0))
    x[0, 0, 0, 0] = 1.1  # abs max asks for 2^-7
    assert float(build_observer(QConfig(observer="abs_max"), 0, 255).observe(x)) == 2.0**-7
    assert float(build_observer(QConfig(observer="mse"), 0, 255).observe(x)) == 2.0**-8


def test_mse_holds_values_beyond_its_coarsest_scale() -> None:
    """As of a network that reads pixels 0 ... 255 and has no BN. What a checkpoint holds is as before."""
    built, x = build_observer(QConfig(observer="mse"), 0, 255), torch.rand(1, 8, 64, 64, generator=torch.Generator().manual_seed(0))
    assert [float(built.observe(1e5 * share * x)) for share in (1, 0.4)] == [2.0**9, 2.0**9]
    assert {name: tuple(value.shape) for name, value in built.state_dict().items()} == {"errors": (21,)}


def test_sample_is_bounded_and_spread() -> None:
    x = torch.arange(3 * 2 * 200 * 200, dtype=torch.float32).view(3, 2, 200, 200)
    values = sample(x, signed=True)
    assert SAMPLES // 2 <= len(values) <= SAMPLES
    assert float(values.min()) < 0.01 * x.numel()
    assert float(values.max()) > 0.99 * x.numel()
