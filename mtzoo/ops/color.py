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
        yuv = _to_yuv(image)
        chroma = sum(yuv[row::2, column::2, 1:] for row in (0, 1) for column in (0, 1))
        return {IMAGE_Y: _bytes(cv2.extractChannel(yuv, 0))[None, None], IMAGE_UV: _bytes(chroma / 4)[None]}
    if kind == "yuv444":
        image = _bytes(_to_yuv(image))
    if layout == "nchw":
        return {IMAGE: _planes(image, backwards=kind == "rgb")[None]}
    return {IMAGE: np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if kind == "rgb" else image)[None]}


def _planes(image: np.ndarray, *, backwards: bool) -> np.ndarray:
    """(H, W, 3) uint8 -> (3, H, W), the last channel first if `backwards`. NumPy takes four times as long."""
    planes = np.empty((3, *image.shape[:2]), dtype=np.uint8)
    cv2.split(image, list(planes[::-1] if backwards else planes))
    return planes


def _bytes(values: np.ndarray) -> np.ndarray:
    """float32 >= 0 -> the nearest uint8, half to even."""
    return cv2.convertScaleAbs(values)


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
