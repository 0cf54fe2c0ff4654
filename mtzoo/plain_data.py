"""Plain data, of a config or of JSON -> frozen dataclasses, with an error that names the key for everything that does not fit."""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, Union

from mtzoo.errors import UserError, did_you_mean, shown

T = TypeVar("T")
KEY_DIGITS = 18
"""Of a number that is a key."""


def build(cls: type[T], values: object, where: str) -> T:
    """Build dataclass `cls` from the mapping `values`, nested dataclasses and containers too.

    where: the key of `values` in the config, for messages. Raises UserError for unknown, missing or ill-typed keys. What other
    toolkits call a key stands in the class's `OTHER_NAMES`, if it has them: {their name: ours}; a class that reads their keys
    has `in_own_names`.
    """
    if isinstance(values, cls):
        return values
    if not isinstance(values, Mapping):
        raise UserError(_at(where, f"expected a dict of {cls.__name__}'s keys, got {shown(values)}"))
    if hasattr(cls, "in_own_names"):
        try:
            values = cls.in_own_names(values)
        except UserError as error:
            raise UserError(_join(where, error)) from error
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    other_names = getattr(cls, "OTHER_NAMES", {})
    for key in values:
        if key in other_names:
            raise UserError(f"{_join(where, key)}: unknown key; it is called '{_join(where, other_names[key])}' here")
        if key not in fields:
            raise UserError(f"{_join(where, key)}: unknown key{did_you_mean(str(key), fields)}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise UserError(_at(where, f"'{name}' is missing; add it"))
    built = {key: convert(hints[key], value, _join(where, key)) for key, value in values.items()}
    try:
        return cls(**built)
    except UserError as error:
        message = str(error)
        raise UserError(message if message.startswith(where) else _at(where, message)) from error


def is_plain(hint: Any) -> bool:
    """Whether `convert` knows the annotated type. Others' classes may have any: a bare `Sequence`, `Callable`, `torch.dtype`."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType, tuple, list, Sequence, Mapping, dict):
        return bool(args) and all(part is Ellipsis or is_plain(part) for part in args)
    return origin is Literal or hint in (Any, object, bool, int, float, str, type(None)) or dataclasses.is_dataclass(hint)


def convert(hint: Any, value: object, where: str) -> Any:
    """`value` as the annotated type `hint`. Raises UserError where it is not one."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or hint is object:
        return value
    if origin in (Union, types.UnionType):
        return _convert_union(args, value, where)
    if origin is Literal:
        if value not in args:
            raise UserError(f"{where}={shown(value)}: expected one of {', '.join(map(repr, args))}")
        return value
    if dataclasses.is_dataclass(hint):
        return build(hint, value, where)
    if origin is tuple or origin is list or origin is Sequence:
        return _convert_sequence(args, value, where)
    if origin is Mapping or origin is dict:
        if not isinstance(value, Mapping):
            raise UserError(f"{where}: expected a dict, got {shown(value)}")
        return {_convert_key(args[0], k, where): convert(args[1], v, _join(where, k)) for k, v in value.items()}
    return _convert_scalar(hint, value, where)


def _convert_union(args: tuple[Any, ...], value: object, where: str) -> Any:
    if value is None and type(None) in args:
        return None
    faults = []
    for choice in [a for a in args if a is not type(None)]:
        try:
            return convert(choice, value, where)
        except UserError as error:
            faults.append((_known_keys(choice, value), error))
    raise max(reversed(faults), key=lambda fault: fault[0])[1]  # of the one that was meant; the last one of several


def _known_keys(hint: Any, value: object) -> int:
    """How many keys of a dict are fields of the dataclass `hint`."""
    if not dataclasses.is_dataclass(hint) or not isinstance(value, Mapping):
        return 0
    return len(value.keys() & {field.name for field in dataclasses.fields(hint)})


def _convert_sequence(args: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise UserError(f"{where}: expected a list, got {shown(value)}")
    if len(args) == 2 and args[1] is not Ellipsis or len(args) > 2:
        if len(value) != len(args):
            raise UserError(f"{where}: expected {len(args)} values, got {shown(list(value))}")
        return tuple(convert(a, v, f"{where}[{i}]") for i, (a, v) in enumerate(zip(args, value, strict=True)))
    return tuple(convert(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))


def _convert_key(hint: Any, key: object, where: str) -> Any:
    if hint is int and isinstance(key, str) and len(key) <= KEY_DIGITS and key.removeprefix("-").isdecimal():
        return int(key)  # JSON knows text keys only
    return _convert_scalar(hint, key, where)


def _convert_scalar(hint: Any, value: object, where: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and not (hint in (int, float) and isinstance(value, bool)):
        return value
    wanted = getattr(hint, "__name__", str(hint))
    raise UserError(f"{where}={shown(value)}: expected {wanted}")


def _at(where: str, message: str) -> str:
    return f"{where}: {message}" if where else message


def _join(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)
