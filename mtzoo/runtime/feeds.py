"""An image as a deploy model's inputs."""

from collections.abc import Mapping, Sequence

import numpy as np

from mtzoo.deploy.info import CROP_XY, IM_HW, DeployInfo
from mtzoo.errors import UserError
from mtzoo.ops.color import decode, encode
from mtzoo.runtime.executors import Arrays


def feeds_for(info: DeployInfo, image: np.ndarray, original_hw: tuple[int, int]) -> Arrays:
    """All inputs of the model by name. image: (input_h, input_w, 3) uint8 BGR as `info.geometry.view(original_hw)` shows it.

    A model of several images gets this one as each of them.
    """
    return feeds_for_images(info, [image], [original_hw])


def feeds_for_images(info: DeployInfo, images: Sequence[np.ndarray], original_hws: Sequence[tuple[int, int]]) -> Arrays:
    """All inputs of the model for 1 to `info.batch` images; the last one stands in for those that are missing."""
    if info.batch == 1:
        return _feeds_of_one(info, images[0], original_hws[0])
    each = [_feeds_of_one(info, image, hw) for image, hw in zip(images, original_hws, strict=True)]
    each += each[-1:] * (info.batch - len(each))
    return {name: np.concatenate([feeds[name] for feeds in each]) for name in each[0]}


def _feeds_of_one(info: DeployInfo, image: np.ndarray, original_hw: tuple[int, int]) -> Arrays:
    if info.signature is not None:
        return info.signature.encode(image)
    view = info.geometry.view(original_hw)
    arrays = {**encode(image, info.input_format, info.input_layout), IM_HW: np.array([original_hw], dtype=np.float32),
              CROP_XY: np.array([[view.left, view.top]], dtype=np.float32)}
    return {tensor.name: arrays[tensor.name] for tensor in info.inputs}


def check_image(image: object) -> None:
    """Raises UserError for what is no (H, W, 3) uint8 image with at least one pixel, with the way to make it one."""
    wanted = "an image is a NumPy array (height, width, 3) of uint8 in BGR order, as cv2.imread gives it"
    if image is None:
        raise UserError(f"image is None: {wanted}; for a file that it cannot read, it gives None")
    if not isinstance(image, np.ndarray):
        raise UserError(f"image is a {type(image).__name__}: {wanted}")
    advice = ""
    if image.ndim == 2 or image.ndim == 3 and image.shape[2] == 1:
        advice = "; of a grey one cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) makes it"
    elif image.ndim == 3 and image.shape[2] == 4:
        advice = "; of one with alpha cv2.cvtColor(image, cv2.COLOR_BGRA2BGR) makes it"
    elif image.ndim == 4:
        advice = "; give one image at a time, or a list of them"
    if image.dtype != np.uint8:
        advice += "; values from 0 to 255 go in, as uint8"
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise UserError(f"image is {image.dtype} {image.shape}: {wanted}{advice}")


def seen_image(info: DeployInfo, feeds: Mapping[str, np.ndarray]) -> np.ndarray:
    """(N, 3, input_h, input_w) uint8 BGR: what the network inside the model sees of these inputs. A network from elsewhere sees
    its channels in its own order."""
    if info.signature is not None:
        return info.signature.pixels(feeds[info.signature.input_name])
    return decode(feeds, info.input_format, info.input_layout)


def check_feeds(info: DeployInfo, feeds: Mapping[str, np.ndarray]) -> None:
    """Raises UserError for inputs that are missing, unknown, or of another dtype or shape than the model reads."""
    if set(feeds) != {tensor.name for tensor in info.inputs}:
        raise UserError(f"inputs {', '.join(sorted(feeds))}; the model reads {', '.join(t.name for t in info.inputs)}")
    for tensor in info.inputs:
        found = feeds[tensor.name]
        if not isinstance(found, np.ndarray):
            raise UserError(f"input '{tensor.name}' is a {type(found).__name__}; expected a NumPy array")
        if found.shape != tensor.shape or found.dtype != np.dtype(tensor.dtype):
            raise UserError(f"input '{tensor.name}' is {found.dtype} {found.shape}; the model reads {tensor.dtype} {tensor.shape}")


def noise_feeds(info: DeployInfo) -> Arrays:
    """Noise: how long a convolution takes does not depend on what it sees, and NMS finds few boxes in it."""
    hw = info.geometry.input_hw
    return feeds_for(info, np.random.default_rng(0).integers(0, 256, (*hw, 3), dtype=np.uint8), hw)
