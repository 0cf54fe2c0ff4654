"""What PaddleSlim's configs call the keys of a QConfig, and the values of these keys: a config written for it is read as it is."""

from collections.abc import Mapping
from typing import Any

from mtzoo.errors import UserError, did_you_mean, listed

WEIGHT_TYPES = {"abs_max": "tensor", "channel_wise_abs_max": "channel"}
ACTIVATION_TYPES = {"abs_max": "abs_max", "range_abs_max": "abs_max", "moving_average_abs_max": "moving_average_abs_max"}
OP_TYPES = {"conv2d": "conv2d", "group_conv2d": "group_conv2d", "depthwise_conv2d": "group_conv2d", "mul": None, "matmul": None,
            "matmul_v2": None}
"""None: full connections, of which no network here has any."""
OTHER_NAMES = {"weight_quantize_type": "weight_granularity", "activation_quantize_type": "observer", "quantize_op_types": "op_types"}


def in_own_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same with QConfig's own keys and values. Raises UserError for a value without counterpart, and for a key given twice."""
    own = {}
    for key, value in values.items():
        name = OTHER_NAMES.get(key, key)
        if name != key and name in values:
            raise UserError(f"{key}: it is called '{name}' here, which is given as well; remove one of the two")
        own[name] = _TRANSLATIONS[key](key, value) if key in _TRANSLATIONS else value
    return own


def own_pattern(name: str) -> str:
    """A name of `not_quant_pattern`, which PaddleSlim looks for anywhere in a layer's name, as a pattern; a pattern stays one."""
    return name if any(character in name for character in "*?[") else f"*{name}*"


def _weight_type(key: str, value: object) -> str:
    if value in ("range_abs_max", "moving_average_abs_max"):
        raise UserError(f"{key}={value!r}: weights need no observer; use 'channel_wise_abs_max' or 'abs_max'")
    return _one(key, value, WEIGHT_TYPES)


def _activation_type(key: str, value: object) -> str:
    return _one(key, value, ACTIVATION_TYPES)


def _op_types(key: str, value: object) -> list[str]:
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise UserError(f"{key}={value!r}: expected a list, of {listed(OP_TYPES)}")
    return list(dict.fromkeys(own for name in value if (own := _one(key, name, OP_TYPES)) is not None))


def _one(key: str, value: object, known: Mapping[str, Any]) -> Any:
    if not isinstance(value, str) or value not in known:
        raise UserError(f"{key}={value!r}: not known{did_you_mean(str(value), known)}")
    return known[value]


_TRANSLATIONS = {"weight_quantize_type": _weight_type, "activation_quantize_type": _activation_type, "quantize_op_types": _op_types}
