import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from mtzoo.data.images import UNMAPPED, apply_table, header_hw, read_image, read_mask, upright_hw
from mtzoo.errors import UserError


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""
    return png(struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), b"")


def png(header: bytes, data: bytes) -> bytes:
    chunks = (b"IHDR" + header, b"IDAT" + data, b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)


def test_image_is_bgr(tmp_path):
    Image.new("RGB", (4, 3), (250, 10, 20)).save(tmp_path / "red.png")
    assert read_image(tmp_path / "red.png")[0, 0].tolist() == [20, 10, 250]
    assert read_image(tmp_path / "red.png").shape == (3, 4, 3)


@pytest.mark.parametrize(("content", "words"), [
    (b"", "file is empty"), (b"no image at all", "not an image"), (png_header(30000, 30000), "million pixels"),
    (png_header(12000, 9000), "million pixels"), (png_header(4, 4), "cannot be decoded"),
])
def test_unreadable_images(tmp_path, content, words):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        read_image(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_image(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_image(tmp_path / "none.jpg")


def test_a_cut_off_jpeg(tmp_path):
    path = tmp_path / "x.jpg"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match="cut off"):
        read_image(path)


def test_header_is_read_without_decoding(tmp_path):
    assert header_hw(png_header(640, 480), tmp_path) == (480, 640)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_masks_give_indices(tmp_path, bits):
    values = np.arange(2**bits, dtype=np.uint8).reshape(1, -1)
    image = Image.fromarray(values, "P")
    image.putpalette([(37 * i) % 256 for i in range(768)])
    image.save(tmp_path / "m.png", bits=bits)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), values)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_masks_of_few_bits_are_not_stretched(tmp_path, bits):
    row = bytes([0, 0b00011011]) if bits < 4 else bytes([0, 0x1B])
    count = 8 // bits
    header = struct.pack(">IIBBBBB", count, 1, bits, 0, 0, 0, 0)
    (tmp_path / "m.png").write_bytes(png(header, zlib.compress(row)))
    expected = {1: [0, 0, 0, 1, 1, 0, 1, 1], 2: [0, 1, 2, 3], 4: [1, 11]}[bits]
    assert read_mask(tmp_path / "m.png")[0].tolist() == expected


def test_16_bit_masks_hold_small_values_only(tmp_path):
    cv2.imwrite(str(tmp_path / "m.png"), np.array([[3, 255]], np.uint16))
    assert read_mask(tmp_path / "m.png").tolist() == [[3, 255]]
    cv2.imwrite(str(tmp_path / "m.png"), np.array([[3, 900]], np.uint16))
    with pytest.raises(UserError, match="mask value 900"):
        read_mask(tmp_path / "m.png")


def test_colour_and_jpeg_masks_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "m.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(UserError, match="several channels"):
        read_mask(tmp_path / "m.png")
    cv2.imwrite(str(tmp_path / "m.jpg"), np.zeros((4, 4), np.uint8))
    with pytest.raises(UserError, match="have to be PNG"):
        read_mask(tmp_path / "m.jpg")


def test_values_without_a_class_are_named_and_counted(tmp_path):
    table = np.full(256, UNMAPPED, np.uint8)
    table[:2] = [1, 0]
    np.testing.assert_array_equal(apply_table(np.array([[0, 1]], np.uint8), table, tmp_path / "m.png", "s"), [[1, 0]])
    with pytest.raises(UserError, match=r"m.png: mask value 7 \(2 px\) has no class; .* source 's'"):
        apply_table(np.array([[0, 7, 7]], np.uint8), table, tmp_path / "m.png", "s")


def test_upright_size_of_a_header(tmp_path):
    image = Image.new("RGB", (40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    image.save(tmp_path / "turned.jpg", exif=exif)
    image.save(tmp_path / "plain.png")
    assert upright_hw(tmp_path / "turned.jpg") == read_image(tmp_path / "turned.jpg").shape[:2] == (40, 20)
    assert upright_hw(tmp_path / "plain.png") == (20, 40)
    with pytest.raises(UserError, match=r"gone.png: cannot be read"):
        upright_hw(tmp_path / "gone.png")
    (tmp_path / "no.png").write_text("text")
    with pytest.raises(UserError, match=r"no.png: not an image"):
        upright_hw(tmp_path / "no.png")
