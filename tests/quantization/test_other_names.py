import pytest

from mtzoo.errors import UserError
from mtzoo.plain_data import build
from mtzoo.quantization import QConfig

PADDLE = {"weight_quantize_type": "channel_wise_abs_max", "activation_quantize_type": "moving_average_abs_max",
          "quantize_op_types": ["depthwise_conv2d", "mul", "conv2d"], "not_quant_pattern": ["nodes.seg_head.classify"]}


def test_a_config_of_the_other_toolkit_is_read_as_it_is() -> None:
    wanted = QConfig(weight_granularity="channel", observer="moving_average_abs_max", op_types=("group_conv2d", "conv2d"),
                     not_quant_pattern=("nodes.seg_head.classify",))
    assert build(QConfig, PADDLE, "quantization") == wanted


@pytest.mark.parametrize(("values", "wanted"), [
    ({"weight_quantize_type": "abs_max"}, QConfig(weight_granularity="tensor")),
    ({"activation_quantize_type": "range_abs_max"}, QConfig(observer="abs_max")),
    ({"quantize_op_types": ["mul"]}, QConfig(op_types=())),
])
def test_values_have_counterparts(values: dict[str, object], wanted: QConfig) -> None:
    assert build(QConfig, values, "quantization") == wanted


@pytest.mark.parametrize(("values", "message"), [
    ({"weight_quantize_type": "moving_average_abs_max"}, "weight_quantize_type='moving_average_abs_max': weights need no observer"),
    ({"weight_quantize_type": "abs_maxx"}, "did you mean 'abs_max'"),
    ({"activation_quantize_type": ["abs_max"]}, "quantization.activation_quantize_type=..abs_max..: not known"),
    ({"quantize_op_types": ["conv"]}, "did you mean 'conv2d'"),
    ({"quantize_op_types": "conv2d"}, "expected a list"),
    ({"weight_quantize_type": "abs_max", "weight_granularity": "tensor"}, "called 'weight_granularity' here, which is given as well"),
])
def test_what_has_none_is_one_line(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build(QConfig, values, "quantization")
