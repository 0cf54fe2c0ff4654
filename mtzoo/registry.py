"""The few registries in which configs name things."""

import inspect

from mmengine.registry import Registry

from mtzoo.errors import UserError, did_you_mean
from mtzoo.plain_data import convert, is_plain

NODES = Registry("node", locations=["mtzoo.models"])
LOSSES = Registry("loss", locations=["mtzoo.losses"])


def find(registry: Registry, name: str, where: str) -> type:
    """The class registered as `name`. Raises UserError naming `where` (a config key) if there is none."""
    registry.import_from_location()
    found = registry.module_dict.get(name)
    if found is None:
        raise UserError(f"{where}: no {registry.name} is called '{name}'{did_you_mean(name, registry.module_dict)}")
    return found


def check_kind(registry: Registry, name: str, kind: str, where: str) -> None:
    """Check that what a config names is for the kind of its task, as far as the class says so (`KIND`).

    Raises UserError naming `where` and what is for `kind`. A name that is not registered is left to `find`.
    """
    registry.import_from_location()
    kinds = {registered: getattr(cls, "KIND", None) for registered, cls in registry.module_dict.items()}
    if kinds.get(name) not in (None, kind):
        fitting = " or ".join(sorted(registered for registered, of in kinds.items() if of == kind))
        raise UserError(f"{where}={name!r}: is for kind='{kinds[name]}', and the task has kind='{kind}'; expected {fitting}")


def check_params(cls: type, params: dict[str, object], where: str, supplied: tuple[str, ...] = ()) -> None:
    """Check config keys against a constructor's signature.

    `supplied` are the arguments that the builder passes itself. Raises UserError for an unknown or a missing key, and for a value that
    is not of the annotated type, if that is one of plain data.
    """
    signature = inspect.signature(cls.__init__).parameters
    accepted = [n for n in signature if n != "self" and n not in supplied]
    for key, value in params.items():
        if key not in accepted:
            raise UserError(f"{where}.{key}: {cls.__name__} has no such parameter{did_you_mean(key, accepted)}")
        parameter = signature[key]
        if is_plain(parameter.annotation) and not (value is None and parameter.default is None):
            convert(parameter.annotation, value, f"{where}.{key}")
    for name in accepted:
        if signature[name].default is inspect.Parameter.empty and name not in params:
            raise UserError(f"{where}: {cls.__name__} needs '{name}'; add it")
