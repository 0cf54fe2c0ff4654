import os
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from mtzoo.data.images import (
    MAX_FILE_BYTES,
    UNMAPPED,
    apply_table,
    decode_image,
    exif_orientation,
    fit_mask,
    full_size,
    mask_size_problem,
    probe,
    read_image,
    read_mask,
    same_view,
    turn_hint,
    upright_hw,
)
from mtzoo.errors import UserError
from mtzoo.structures import IGNORE


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
    (b"", "file is empty"), (b"no image at all", "no JPEG, PNG, BMP or WebP image"), (png_header(30000, 30000), "million pixels"),
    (png_header(9000, 6000), "million pixels"), (png_header(4, 4), "cannot be decoded"),
])
def test_unreadable_images(tmp_path, content, words):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        read_image(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_image(tmp_path):
    with pytest.raises(UserError, match="no such image file"):
        read_image(tmp_path / "none.jpg")


def test_a_cut_off_jpeg(tmp_path):
    path = tmp_path / "x.jpg"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match="cut off"):
        read_image(path)


def test_a_cut_off_jpeg_with_a_whole_preview(tmp_path):
    """The preview in the EXIF block ends as an image does."""
    path = tmp_path / "x.jpg"
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data, preview = (cv2.imencode(".jpg", image)[1].tobytes() for image in (pixels, pixels[:8, :8]))
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(preview)) + preview + data[2:]
    path.write_bytes(data)
    assert read_image(path).shape == (64, 64, 3)
    assert data[:-500].count(b"\xff\xd9") == 1  # the preview's
    path.write_bytes(data[:-500])
    with pytest.raises(UserError, match="cut off"):
        read_image(path)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.95])
def test_other_formats_cut_off(tmp_path, suffix, kept):
    path = tmp_path / f"x{suffix}"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = path.read_bytes()
    path.write_bytes(data[:int(kept * len(data))])
    with pytest.raises(UserError, match=f"x{suffix}: (the PNG is cut off|cannot be decoded|no JPEG, PNG)"):
        read_image(path)


def test_a_part_longer_than_its_png_is_refused_before_anything_is_allocated(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    data = png(struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0), zlib.compress(bytes(20)))
    path.write_bytes(data)
    assert read_mask(path).shape == (4, 4)
    path.write_bytes(data[:33] + struct.pack(">I", 800_000_000) + data[37:])
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    for read in (read_image, read_mask):
        with pytest.raises(UserError, match="x.png: the PNG is cut off"):
            read(path)


def test_header_is_read_without_decoding(tmp_path):
    assert probe(png_header(64, 48), tmp_path).hw == (48, 64)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_size_that_the_file_cannot_hold_is_refused(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"x{suffix}"
    assert cv2.imwrite(str(path), np.full((1000, 7000, 3), 128, np.uint8))  # nothing takes less room than one grey
    data = path.read_bytes()
    assert read_image(path).shape == (1000, 7000, 3)
    form, size = (">HH", (1000, 7000)) if suffix == ".jpg" else (">II", (7000, 1000))
    forged = data.replace(struct.pack(form, *size), struct.pack(form, *((5000, 7000) if suffix == ".jpg" else (7000, 5000))))
    assert forged != data
    path.write_bytes(forged[:20_000] + b"\xff\xd9")
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(UserError, match=f"x{suffix}: [0-9,]+ bytes cannot hold the 7000x5000 pixels"):
        read_image(path)


def test_a_forged_size_is_refused_before_anything_is_allocated(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(png_header(30000, 30000))
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    tracemalloc.start()
    with pytest.raises(UserError, match="x.png: 30000x30000 is more than 40 million pixels; scale it down"):
        read_image(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_file_too_large_is_not_read(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(png_header(4, 4))
    os.truncate(path, MAX_FILE_BYTES + 1)  # a hole: no disk is filled
    with pytest.raises(UserError, match="x.png: 268,435,457 bytes; 268,435,456 are the most that is read of one image file"):
        read_image(path)


def test_a_pipe_is_refused_and_does_not_wait(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(UserError, match="x.png: a folder, pipe or device"):
        read_image(tmp_path / "x.png")


@pytest.mark.parametrize(("stored", "expected"), [
    (np.array([[7, 200]], np.uint8), [[7] * 3, [200] * 3]),
    (np.array([[[1, 2, 3, 0], [9, 8, 7, 255]]], np.uint8), [[1, 2, 3], [9, 8, 7]]),
    (np.array([[0x12FF, 0xFFFF]], np.uint16), [[0x12] * 3, [255] * 3]),
    (np.array([[[0x0100, 0x0200, 0x0300, 0], [0, 0, 0, 0]]], np.uint16), [[1, 2, 3], [0, 0, 0]]),
])
def test_grey_alpha_and_16_bits_become_bgr(tmp_path, stored, expected):
    cv2.imwrite(str(tmp_path / "x.png"), stored)
    np.testing.assert_array_equal(read_image(tmp_path / "x.png")[0], expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK"])
def test_every_mode_gives_three_channels(tmp_path, mode):
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new("RGB", (4, 3), (255, 255, 255)).convert(mode).save(tmp_path / f"x.{suffix}")
    image = read_image(tmp_path / f"x.{suffix}")
    assert image.shape == (3, 4, 3)
    assert image.min() >= 254


def write_turned(path, orientation, hw=(48, 64)):
    """An image with its upper left pixels white, and an EXIF orientation."""
    pixels = np.zeros((*hw, 3), np.uint8)
    pixels[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize(("orientation", "hw", "white"), [
    (1, (48, 64), (slice(2, 6), slice(2, 6))), (3, (48, 64), (slice(-6, -2), slice(-6, -2))),
    (6, (64, 48), (slice(2, 6), slice(-6, -2))),
])
def test_exif_turns_upright(tmp_path, suffix, orientation, hw, white):
    path = tmp_path / f"x.{suffix}"
    write_turned(path, orientation)
    image = read_image(path)
    assert image.shape == (*hw, 3)
    assert image[white].min() > 200
    assert image[20:28, 20:28].max() < 50
    assert exif_orientation(path) == orientation


def test_a_turn_explains_swapped_sizes_only(tmp_path):
    path = tmp_path / "x.jpg"
    write_turned(path, 6)
    assert "EXIF orientation 6" in turn_hint(path, (48, 64), (64, 48))
    assert turn_hint(path, (48, 64), (32, 48)) == ""
    write_turned(path, 3)
    assert turn_hint(path, (48, 64), (64, 48)) == ""


@pytest.mark.parametrize("orientation", [0, 9])
def test_an_orientation_that_is_none_counts_as_upright(tmp_path, orientation):
    write_turned(tmp_path / "x.jpg", orientation)
    assert exif_orientation(tmp_path / "x.jpg") == 1


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
    with pytest.raises(UserError, match="must be PNG"):
        read_mask(tmp_path / "m.jpg")


def test_values_without_a_class_are_named_and_counted(tmp_path):
    table = np.full(256, UNMAPPED, np.uint8)
    table[:2] = [1, 0]
    np.testing.assert_array_equal(apply_table(np.array([[0, 1]], np.uint8), table, tmp_path / "m.png", "s"), [[1, 0]])
    with pytest.raises(UserError, match=r"m.png: mask value 7 \(2 px\) has no class; .* source 's'"):
        apply_table(np.array([[0, 7, 7]], np.uint8), table, tmp_path / "m.png", "s")


@pytest.mark.parametrize("classes", [3, 127, 128, UNMAPPED])
def test_masks_of_class_ids_stay_as_they_are(tmp_path, classes):
    table = np.full(256, UNMAPPED, np.uint8)
    table[:classes] = np.arange(classes)
    table[IGNORE] = IGNORE
    mask = np.array([[0, classes - 1, IGNORE]], np.uint8)
    np.testing.assert_array_equal(apply_table(mask, table, tmp_path, "s"), mask)
    assert apply_table(mask[:, ::2], table, tmp_path, "s").base is mask  # not copied
    with pytest.raises(UserError, match=rf"mask value {classes} \(1 px\) has no class"):
        apply_table(np.array([[0, classes]], np.uint8), table, tmp_path, "s")
    table[IGNORE] = UNMAPPED
    with pytest.raises(UserError, match=r"mask value 255 \(1 px\) has no class"):
        apply_table(mask, table, tmp_path, "s")


def write_picture(path, hw, orientation=1, **options):
    """A smooth picture without symmetry, as an image with an EXIF orientation."""
    pixels = cv2.resize(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8), hw[::-1], interpolation=cv2.INTER_CUBIC)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif, **options)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_decoded_smaller_shows_the_means_of_squares_upright(tmp_path, factor, orientation):
    path = tmp_path / "x.jpg"
    write_picture(path, (96, 160), orientation, quality=95)
    full, small = read_image(path), decode_image(path.read_bytes(), path, lambda hw: factor)
    assert small[1] == factor
    means = full.reshape(full.shape[0] // factor, factor, full.shape[1] // factor, factor, 3).mean(axis=(1, 3))
    assert small[0].shape == means.shape
    assert np.abs(small[0] - means).mean() < 1  # a pixel's shift would be 3 and more


@pytest.mark.parametrize(("hw", "asked", "given"), [((96, 160), 1, 1), ((90, 160), 4, 2), ((95, 160), 8, 1), ((96, 100), 8, 4)])
def test_sides_are_whole_multiples(tmp_path, hw, asked, given):
    path = tmp_path / "x.jpg"
    write_picture(path, hw)
    image, factor = decode_image(path.read_bytes(), path, lambda found: asked if found == hw else 1)
    assert (image.shape[:2], factor) == ((hw[0] // given, hw[1] // given), given)


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp"])
def test_other_formats_are_decoded_in_full(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    write_picture(path, (96, 160))
    image, factor = decode_image(path.read_bytes(), path, lambda hw: 8)
    assert factor == 1
    np.testing.assert_array_equal(image, read_image(path))


def test_what_cannot_be_given_smaller_is_decoded_in_full(tmp_path, monkeypatch):
    path = tmp_path / "x.jpg"
    write_picture(path, (96, 160))
    full, imdecode = read_image(path), cv2.imdecode
    monkeypatch.setattr(cv2, "imdecode", lambda data, flags: imdecode(data, flags) if flags == cv2.IMREAD_COLOR else None)
    image, factor = decode_image(path.read_bytes(), path, lambda hw: 2)
    assert factor == 1
    np.testing.assert_array_equal(image, full)


@pytest.mark.parametrize("reduction", [full_size, lambda hw: 2])
def test_what_is_damaged_is_refused_at_every_size(tmp_path, monkeypatch, reduction):
    path = tmp_path / "x.jpg"
    write_picture(path, (96, 160))
    data = path.read_bytes()
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    with pytest.raises(UserError, match="x.jpg: cannot be decoded"):
        decode_image(data, path, reduction)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(UserError, match="x.jpg: the JPEG is cut off"):
        decode_image(data[:-200], path, reduction)
    forged = data.replace(struct.pack(">HH", 96, 160), struct.pack(">HH", 9600, 16000))
    with pytest.raises(UserError, match="x.jpg: 16000x9600 is more than 40 million pixels"):
        decode_image(forged, path, reduction)


def test_upright_size_of_a_header(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "MAXBLOCK", 1 << 18)  # before version 13 Pillow had no room for the long comment
    image = Image.new("RGB", (40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    image.save(tmp_path / "turned.jpg", exif=exif)
    image.save(tmp_path / "plain.png")
    assert upright_hw(tmp_path / "turned.jpg") == read_image(tmp_path / "turned.jpg").shape[:2] == (40, 20)
    assert upright_hw(tmp_path / "plain.png") == (20, 40)
    image.save(tmp_path / "preview.jpg", exif=exif.tobytes() + bytes(60_000), comment=bytes(60_000))  # its head is longer
    assert upright_hw(tmp_path / "preview.jpg") == (40, 20)
    with pytest.raises(UserError, match=r"gone.png: cannot be read"):
        upright_hw(tmp_path / "gone.png")
    (tmp_path / "huge.png").write_bytes(png_header(9000, 6000))
    with pytest.raises(UserError, match=r"huge.png: .* million pixels"):
        upright_hw(tmp_path / "huge.png")
    (tmp_path / "no.png").write_text("text")
    with pytest.raises(UserError, match=r"no.png: no JPEG, PNG, BMP or WebP image"):
        upright_hw(tmp_path / "no.png")


@pytest.mark.parametrize(("hw", "other", "same"), [
    ((1079, 900), (547, 457), True), ((500, 750), (500, 750), True), ((100, 200), (1, 2), True), ((400, 700), (378, 661), True),
    ((480, 640), (360, 640), False), ((480, 640), (640, 480), False), ((1000, 1000), (100, 103), False),
    ((500, 1000), (498, 1000), False),
])
def test_sizes_of_one_view_differ_by_a_factor_and_rounding(hw, other, same):
    assert same_view(hw, other) == same_view(other, hw) == same


def test_a_mask_of_another_size_is_told_what_mends_it(tmp_path):
    path = tmp_path / "a.jpg"
    wanted = "the mask is 40x30, its image 80x60; make them equal, or set resize_masks=True in its source"
    assert mask_size_problem(path, (60, 80), (30, 40)) == wanted
    assert mask_size_problem(path, (60, 80), (30, 40), resized=True) is None
    other = "the mask is 30x30, its image 80x60; their aspects differ: give the mask the view of the image"
    assert mask_size_problem(path, (60, 80), (30, 30), resized=True) == other
    assert mask_size_problem(path, (60, 80), (30, 30)) == "the mask is 30x30, its image 80x60; make them equal"


def test_a_mask_is_fitted_to_its_image_without_a_shift_or_a_new_value():
    small = np.array([[0, 7], [3, 255]], np.uint8)
    np.testing.assert_array_equal(fit_mask(small, (6, 6)), np.kron(small, np.ones((3, 3), np.uint8)))
    np.testing.assert_array_equal(fit_mask(np.kron(small, np.ones((3, 3), np.uint8)), (2, 2)), small)
    assert fit_mask(small, (2, 2)) is small
