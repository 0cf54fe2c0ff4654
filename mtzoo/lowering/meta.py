"""Shapes of what operations give, without their arithmetic: tensors of PyTorch's "meta" device have sizes and no data.

Much of that device is Python code which first imports torch._dynamo, for seconds. So the usual operations do not come there: an
elementwise one has the shape to which what it reads broadcasts, and one that treats each image by itself runs on no image, elsewhere.
"""

import copy
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from mtzoo.errors import UserError

BATCH = 2
"""Of the example: not 1, which broadcasts."""
ELEMENTWISE: set[Any] = set()
"""Functions, and names of tensors' methods. The operators' handlers register theirs."""
BY_IMAGE: set[Any] = set()
"""The same: those that treat each image by itself, concatenations along another dimension among them."""
CPU = torch.device("cpu")


def examples(shapes: Sequence[tuple[int, int, int]]) -> tuple[Tensor, ...]:
    """Meta tensors (N, C, H, W) for shapes (C, H, W)."""
    return tuple(torch.empty(BATCH, *shape, device="meta") for shape in shapes)


def dry_copy(module: nn.Module) -> nn.Module:
    """`module` in evaluation mode, with the same parameters and buffers: to be run for shapes."""
    return copy.deepcopy(module, {id(tensor): tensor for tensor in _values(module)}).eval()


def module_result(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
    """What the forward of `module`, which is in evaluation mode, gives for meta tensors (N, ...): meta tensors.

    Raises what the forward raises, and UserError for a normalisation of more or fewer channels than it reads.
    """
    device = next((tensor.device for tensor in _values(module)), CPU)
    is_norm = isinstance(module, nn.modules.batchnorm._BatchNorm)
    if is_norm and args and args[0].shape[1] != module.num_features:  # of no image, or on the meta device, nobody else tells
        raise UserError(f"is for {module.num_features} channels, and reads {args[0].shape[1]}")
    result = None
    if device.type == "meta" and is_norm:
        result = torch.empty_like(*args, **kwargs)
    elif device.type != "meta" and not isinstance(module, nn.Flatten | nn.Unflatten):  # these may join images
        result = _by_image(module.forward, args, kwargs, device)
    return on_meta(module).forward(*args, **kwargs) if result is None else result


def function_result(function: Any, *args: Any, **kwargs: Any) -> Any:
    """The same of a function, or of the method of that name of its first argument."""
    call = _method(function) if isinstance(function, str) else function
    result = None
    if function in ELEMENTWISE:
        result = _broadcast([value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)])
    elif function in BY_IMAGE and not _joins_images(*args, **kwargs):
        result = _by_image(call, args, kwargs, CPU)
    return call(*args, **kwargs) if result is None else result


def on_meta(module: nn.Module) -> nn.Module:
    """A copy of `module` whose parameters and buffers have shapes and no data."""
    memo: dict[int, Any] = {}
    for parameter in module.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.to("meta"), parameter.requires_grad)
    for buffer in module.buffers():
        memo[id(buffer)] = buffer.to("meta")
    return copy.deepcopy(module, memo)


def _values(module: nn.Module) -> chain[Tensor]:
    return chain(module.parameters(), module.buffers())


def _method(name: str) -> Callable[..., Any]:
    return lambda tensor, *args, **kwargs: getattr(tensor, name)(*args, **kwargs)


def _joins_images(read: Any, dim: Any = None, *_: Any, **__: Any) -> bool:
    return isinstance(read, list | tuple) and (dim is None or dim % read[0].dim() == 0)


def _broadcast(tensors: Sequence[Tensor]) -> Tensor | None:
    """None where it takes more to know the type of the result's numbers."""
    types = {tensor.dtype for tensor in tensors}
    if len(types) != 1 or not tensors[0].is_floating_point():
        return None
    shape = torch.broadcast_tensors(*tensors)[0].shape  # torch.broadcast_shapes would import sympy
    return torch.empty(shape, dtype=types.pop(), device="meta")


def _by_image(call: Callable[..., Any], args: Any, kwargs: Any, device: torch.device) -> Any:
    """What `call` gives for tensors (N, ...), found with N = 0. None where it does not give (N, ...)."""
    tensors = [value for value in pytree.tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
    images = {tensor.shape[:1] for tensor in tensors}
    if len(images) != 1:
        return None
    args, kwargs = pytree.tree_map_only(
        Tensor, lambda tensor: torch.empty(0, *tensor.shape[1:], dtype=tensor.dtype, device=device), (args, kwargs))
    result = call(*args, **kwargs)
    if any(tensor.shape[:1] != (0,) for tensor in pytree.tree_leaves(result) if isinstance(tensor, Tensor)):
        return None
    count = images.pop()
    return pytree.tree_map_only(
        Tensor, lambda tensor: torch.empty(*count, *tensor.shape[1:], dtype=tensor.dtype, device="meta"), result)
