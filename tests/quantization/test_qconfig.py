import pytest

from mtzoo.errors import UserError
from mtzoo.quantization import QConfig, QConfigMap


@pytest.mark.parametrize(("values", "message"), [
    ({"scale_mode": "power_of_to"}, "did you mean 'power_of_two'"),
    ({"observer": "histogram"}, "qconfig.observer='histogram'"),
    ({"weight_bits": 9}, "weight_bits=9"),
    ({"activation_bits": 4}, "activation_bits=4: 8, or 16"),
    ({"int16_pattern": "nodes.*"}, "a list of strings"),
    ({"op_types": ["conv"]}, "did you mean 'conv2d'"),
    ({"not_quant_pattern": "nodes.*"}, "a list of strings"),
    ({"percentile": 0.999}, "in percent"),
    ({"moving_rate": 1.0}, "between 0 and 1"),
    ({"observer": "mse", "scale_mode": "float"}, "powers of two"),
    ({"observer": "mse", "activation_symmetric": False}, "symmetric range"),
])
def test_bad_values_name_the_key(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        QConfig(**values)


def test_map_finds_the_node_of_a_module() -> None:
    head = QConfig(weight_bits=7)
    qconfigs = QConfigMap(overrides={"seg_head": head})
    assert qconfigs.of_module("nodes.seg_head.classify") is head
    assert qconfigs.of_module("nodes.seg_head_2.classify") is qconfigs.default
