"""Results inside of a network, read from outside."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from mtzoo.models import MultiTaskNet


@contextmanager
def tapped(net: MultiTaskNet, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Filled by a forward pass in the block: name -> the result of the node, layer or block "nodes.<name>" of `net`."""
    found: dict[str, Any] = {}
    hooks = [net.get_submodule(f"nodes.{name}").register_forward_hook(lambda _m, _args, result, name=name: found.update({name: result}))
             for name in names]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
