"""Images of every mode, turn and shape: read as Pillow shows them, or refused in one line."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from mtzoo.data.header import MAX_SCANS, count_scans
from mtzoo.data.images import decode_image, read_image, upright_hw
from mtzoo.errors import UserError
from mtzoo.ops.geometry import DeployGeometry, keep_ratio_hw

HW = (40, 60)


def picture() -> Image.Image:
    """Two ramps and a red corner: turned or mirrored it is another one."""
    y, x = np.mgrid[:HW[0], :HW[1]]
    pixels = np.stack([4 * x, 6 * y, 255 - 4 * x], axis=-1).astype(np.uint8)
    pixels[:10, :15] = (250, 10, 10)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block


@pytest.mark.parametrize(("mode", "kind", "options"), [
    ("RGB", "JPEG", {}), ("RGB", "JPEG", {"progressive": True}), ("L", "JPEG", {}), ("CMYK", "JPEG", {}), ("RGB", "PNG", {}),
    ("L", "PNG", {}), ("LA", "PNG", {}), ("RGBA", "PNG", {}), ("1", "PNG", {}), ("P", "PNG", {}), ("P", "PNG", {"transparency": 3}),
    ("RGB", "BMP", {}), ("P", "BMP", {}), ("1", "BMP", {}), ("RGBA", "BMP", {}), ("RGB", "WebP", {"lossless": True}),
    ("RGBA", "WebP", {"lossless": True}),
    ("RGB", "PNG", {"save_all": True, "append_images": [picture().rotate(180)]}),
    ("RGB", "WebP", {"lossless": True, "save_all": True, "append_images": [picture().rotate(180)]}),
])
def test_every_mode_is_read_as_it_is_shown(tmp_path, mode, kind, options):
    """Of an animation the first picture."""
    image = picture().quantize(64) if mode == "P" else picture().convert(mode)
    data = encoded(image, kind, **options)
    shown = np.array(Image.open(BytesIO(data)).convert("RGB"), dtype=int)
    read = decode_image(data, tmp_path / "x")[0][..., ::-1]
    assert np.abs(read - shown).max() <= 1


@pytest.mark.parametrize("values", [np.arange(2400, dtype=np.uint16).reshape(HW) * 27,
                                    np.arange(7200, dtype=np.uint16).reshape(*HW, 3) * 9])
def test_of_16_bits_the_upper_8_are_read(tmp_path, values):
    cv2.imwrite(str(tmp_path / "x.png"), values)
    wanted = (values >> 8).astype(np.uint8)
    assert (read_image(tmp_path / "x.png") == (wanted if values.ndim == 3 else wanted[..., None])).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP"])
def test_the_upright_size_is_that_of_the_image_as_read(tmp_path, kind, orientation):
    path = tmp_path / f"x.{kind.lower()}"
    path.write_bytes(encoded(picture(), kind, exif=exif(orientation)))
    image = read_image(path)
    assert upright_hw(path) == image.shape[:2]
    if kind == "JPEG":
        shown = np.array(ImageOps.exif_transpose(Image.open(path)), dtype=int)
        assert np.abs(image[..., ::-1] - shown).max() <= 8


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
@pytest.mark.parametrize("wh", [(39000, 1), (1, 39000), (2000, 1), (3, 2000), (101, 1)])
def test_an_image_thinner_than_any_network_sees_is_refused(tmp_path, kind, wh):
    path = tmp_path / "thin"
    path.write_bytes(encoded(Image.new("RGB", wh), kind))
    for read in (read_image, upright_hw):
        with pytest.raises(UserError, match=rf"thin: {wh[0]}x{wh[1]}: one side is more than 100 times as long"):
            read(path)


@pytest.mark.parametrize("wh", [(100, 1), (1, 1), (3, 300)])
def test_a_narrow_image_is_read(tmp_path, wh):
    path = tmp_path / "narrow.png"
    path.write_bytes(encoded(Image.new("RGB", wh, (7, 8, 9)), "PNG"))
    assert read_image(path).shape == (*wh[::-1], 3)
    assert upright_hw(path) == wh[::-1]


@pytest.mark.parametrize("hw", [(1, 39000), (39000, 1), (1, 2000), (2000, 3), (1, 1), (64, 96)])
def test_no_geometry_makes_an_image_of_no_pixel(hw):
    image = np.full((*hw, 3), 7, np.uint8)
    shown = DeployGeometry((64, 96), (64, 96)).view(hw).show(image)
    assert shown.shape == (64, 96, 3)
    assert (shown[0, 0] == 7).all()
    assert min(keep_ratio_hw(hw, (540, 1140))) >= 1


def with_scans(count: int) -> bytes:
    data = encoded(picture().convert("L"), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + (count - count_scans(data)) * data[last:-2] + b"\xff\xd9"


def test_a_jpeg_of_many_scans_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    assert decode_image(with_scans(MAX_SCANS), tmp_path / "x.jpg")[0].shape == (*HW, 3)
    monkeypatch.setattr(cv2, "imdecode", lambda *args: pytest.fail("decoded"))
    for count in (MAX_SCANS + 1, 3000):
        with pytest.raises(UserError, match=r"x.jpg: a JPEG of more than 100 scans"):
            decode_image(with_scans(count), tmp_path / "x.jpg")


def test_only_the_pictures_own_scans_count():
    data = encoded(picture(), "JPEG")
    assert count_scans(data) == 1
    assert count_scans(encoded(picture(), "JPEG", comment=b"\xff\xda" * 500)) == 1
    assert count_scans(data + b"\xff\xda" * 500) == 1, "behind the end of the picture"
    assert count_scans(encoded(picture(), "JPEG", restart_marker_blocks=1, comment=b"\xff\xda" * 500)) == 1


@pytest.mark.parametrize(("kind", "name"), [("GIF", "a.png"), ("TIFF", "a.jpg"), ("ICO", "a.bmp"), ("PPM", "a.webp")])
def test_another_format_behind_a_known_ending_is_refused(tmp_path, kind, name):
    (tmp_path / name).write_bytes(encoded(picture(), kind))
    with pytest.raises(UserError, match=rf"{name}: no JPEG, PNG, BMP or WebP image"):
        read_image(tmp_path / name)
