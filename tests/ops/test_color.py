import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtzoo.ops.color import FORMATS, LAYOUTS, decode, encode, input_shapes


def noise(hw=(64, 96), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*hw, 3), dtype=np.uint8)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", FORMATS)
def test_inputs_are_as_announced(kind, layout):
    inputs = encode(noise(), kind, layout)
    assert {name: array.shape for name, array in inputs.items()} == input_shapes(kind, (64, 96), layout)
    assert all(array.dtype == np.uint8 and array.flags.c_contiguous for array in inputs.values())
    seen = decode(inputs, kind, layout)
    assert (seen.shape, seen.dtype) == ((1, 3, 64, 96), np.uint8)
    np.testing.assert_array_equal(seen, decode(encode(noise(), kind), kind))


def test_an_image_of_opencv_is_an_nhwc_input_as_it_lies():
    image = noise()
    assert np.shares_memory(encode(image, "bgr", "nhwc")["image"], image)


@pytest.mark.parametrize("kind", ["bgr", "rgb"])
def test_rgb_loses_nothing(kind):
    np.testing.assert_array_equal(decode(encode(noise(), kind), kind)[0].transpose(1, 2, 0), noise())


def test_yuv_there_and_back():
    back = decode(encode(noise(), "yuv444"), "yuv444")[0].transpose(1, 2, 0)
    assert np.abs(back.astype(int) - noise()).max() <= 2


def test_nv12_keeps_what_chroma_at_half_size_keeps():
    blocks = cv2.resize(noise((32, 48)), (96, 64), interpolation=cv2.INTER_NEAREST)
    back = decode(encode(blocks, "nv12"), "nv12")[0].transpose(1, 2, 0)
    assert np.abs(back.astype(int) - blocks).max() <= 2


def test_yuv_is_jpeg_s():
    """OpenCV's YCrCb is the same BT.601 in full range."""
    yuv = encode(noise(), "yuv444")["image"][0].transpose(1, 2, 0).astype(int)
    ycrcb = cv2.cvtColor(noise(), cv2.COLOR_BGR2YCrCb).astype(int)
    assert np.abs(yuv - ycrcb[:, :, [0, 2, 1]]).max() <= 1


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_the_way_back_is_bt601_within_one_step(yuv):
    y, u, v = yuv
    exact = [y + 1.772 * (u - 128), y - 0.344136 * (u - 128) - 0.714136 * (v - 128), y + 1.402 * (v - 128)]
    found = decode({"image": np.array(yuv, np.uint8).reshape(1, 3, 1, 1)}, "yuv444").ravel()
    assert np.abs(found - np.clip(exact, 0, 255)).max() <= 0.6
