"""What a deploy model may read besides BGR, and the exact way back to the BGR it was trained on.

YUV is BT.601 in full range (0..255), what camera pipelines deliver and JPEG holds. The way back is integers only: a matrix in
steps of 2^-10, one rounding half to even, clipped to 0..255; so a model's graph can repeat it to the last bit.
"""

from collections.abc import Mapping
from typing import Literal, get_args

import cv2
import numpy as np

InputFormat = Literal["bgr", "rgb", "yuv444", "nv12"]
FORMATS: tuple[str, ...] = get_args(InputFormat)
Layout = Literal["nchw", "nhwc"]
"""Of an image in memory: plane by plane, or pixel by pixel as cameras and OpenCV give it. NV12 has one of its own."""
LAYOUTS: tuple[str, ...] = get_args(Layout)
IMAGE, IMAGE_Y, IMAGE_UV = "image", "image_y", "image_uv"

CHROMA_ZERO = 128
FRACTION_BITS = 10
YUV_TO_BGR = np.array([[1024, 1815, 0], [1024, -352, -731], [1024, 0, 1436]])  # of (Y, U - 128, V - 128), in 2^-10
_BGR_TO_YUV = np.array([[0.114, 0.587, 0.299, 0], [0.5, -0.331264, -0.168736, CHROMA_ZERO], [-0.081312, -0.418688, 0.5, CHROMA_ZERO]])


def input_shapes(kind: InputFormat, hw: tuple[int, int], layout: Layout = "nchw", images: int = 1) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a model's uint8 image inputs. NV12 is two planes: Y, and U and V in turns at half the size."""
    height, width = hw
    if kind == "nv12":
        return {IMAGE_Y: (images, 1, height, width), IMAGE_UV: (images, height // 2, width // 2, 2)}
    return {IMAGE: (images, 3, height, width) if layout == "nchw" else (images, height, width, 3)}


def encode(image: np.ndarray, kind: InputFormat, layout: Layout = "nchw") -> dict[str, np.ndarray]:
    """(H, W, 3) uint8 BGR -> a model's inputs, named and shaped as by `input_shapes`. NV12's chroma is the mean of 2x2 pixels."""
    if kind == "nv12":
        height, width = image.shape[:2]
        yuv = _to_yuv(image)
        chroma = yuv[:, :, 1:].reshape(height // 2, 2, width // 2, 2, 2).mean(axis=(1, 3))
        return {IMAGE_Y: _uint8(yuv[None, None, :, :, 0]), IMAGE_UV: _uint8(chroma[None])}
    if kind == "yuv444":
        image = _uint8(_to_yuv(image))
    elif kind == "rgb":
        image = image[:, :, ::-1]
    return {IMAGE: np.ascontiguousarray((image.transpose(2, 0, 1) if layout == "nchw" else image)[None])}


def decode(inputs: Mapping[str, np.ndarray], kind: InputFormat, layout: Layout = "nchw") -> np.ndarray:
    """A model's inputs -> (N, 3, H, W) uint8 BGR: what the network sees."""
    if kind == "nv12":
        chroma = inputs[IMAGE_UV].transpose(0, 3, 1, 2).repeat(2, axis=2).repeat(2, axis=3)
        return _to_bgr(np.concatenate([inputs[IMAGE_Y], chroma], axis=1))
    image = inputs[IMAGE] if layout == "nchw" else inputs[IMAGE].transpose(0, 3, 1, 2)
    if kind == "yuv444":
        return _to_bgr(image)
    return np.ascontiguousarray(image[:, ::-1] if kind == "rgb" else image)


def _to_yuv(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 BGR -> (H, W, 3) float32, not rounded yet."""
    return cv2.transform(image.astype(np.float32), _BGR_TO_YUV)


def _to_bgr(yuv: np.ndarray) -> np.ndarray:
    """(N, 3, H, W) uint8 -> the same in BGR."""
    centred = yuv.astype(np.int64) - np.array([0, CHROMA_ZERO, CHROMA_ZERO]).reshape(1, 3, 1, 1)
    sums = np.einsum("bc,nchw->nbhw", YUV_TO_BGR, centred)
    return _uint8(sums / 2**FRACTION_BITS)  # a power of two: the quotient is exact


def _uint8(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
