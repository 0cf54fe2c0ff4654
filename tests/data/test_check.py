import json
import os

import cv2
import numpy as np
import pytest
from PIL import Image

from mtzoo.data.check import check_sources, images_of_both


def test_good_data_has_no_fault(tiny):
    counted = []
    assert check_sources([tiny.boxes_task(), tiny.masks_task()], lambda done, total: counted.append((done, total))).faults == []
    assert counted == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_all_faults_in_one_pass(tiny):
    images, masks = tiny.root / "images", tiny.root / "masks"
    content = tiny.coco
    content["annotations"][0]["bbox"] = [1, 1, float("nan"), 5]
    content["images"].append({"id": 9, "file_name": "gone.png", "width": 64, "height": 48})
    content["images"].append({"id": 10, "file_name": "../up.png", "width": 64, "height": 48})
    tiny.write_coco(content)
    (images / "a.png").write_bytes((images / "a.png").read_bytes()[:-60])
    cv2.imwrite(str(masks / "b.png"), np.full((48, 64), 77, np.uint8))
    cv2.imwrite(str(masks / "c.png"), np.zeros((40, 64), np.uint8))
    (images / "d.png").write_bytes(b"junk")
    (masks / "e.png").write_bytes((masks / "d.png").read_bytes())
    faults = check_sources([tiny.boxes_task(), tiny.boxes_task(), tiny.masks_task()]).faults
    assert all("\n" not in str(fault) for fault in faults)
    expected = ["images[4]: file_name '../up.png' leaves", "annotations[0] id=10: bbox", "e.png: no image 'e'",
                "gone.png: no such image file", "a.png: the PNG is cut off", "b.png: mask value 77 (3072 px)",
                "c.png: the mask is 64x40", "d.png: no JPEG, PNG, BMP or WebP image"]
    assert len(faults) == len(expected)
    for words in expected:
        assert any(words in str(fault) for fault in faults), words


def test_a_broken_source_does_not_hide_the_others(tiny):
    (tiny.root / "boxes.json").write_text("{")
    cv2.imwrite(str(tiny.root / "masks" / "b.png"), np.full((48, 64), 77, np.uint8))
    faults = [str(f) for f in check_sources([tiny.boxes_task(), tiny.masks_task()]).faults]
    assert len(faults) == 2
    assert "not JSON" in faults[0]
    assert "mask value 77" in faults[1]


def test_links_that_leave_the_folder_are_told(tiny, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    for folder, stem in (("images", "a"), ("masks", "b")):
        path = tiny.root / folder / f"{stem}.png"
        path.rename(outside / f"{folder}.png")
        path.symlink_to(outside / f"{folder}.png")
    (tiny.root / "masks" / "sub").symlink_to(outside)
    (tiny.root / "images" / "c.png").rename(tiny.root / "images" / "real-c.bin")
    (tiny.root / "images" / "c.png").symlink_to("real-c.bin")  # stays inside: no fault
    assert [str(f) for f in check_sources([tiny.masks_task()]).faults] == [
        f"{tiny.root}/masks/sub: a link to a folder is not followed; put the folder there or name it as a source",
        f"{tiny.root}/masks/b.png: is a link that leaves its folder, to {outside}/masks.png; put the file itself there, or set "
        "follow_links=True in its sources",
        f"{tiny.root}/images/a.png: is a link that leaves its folder, to {outside}/images.png; put the file itself there, or set "
        "follow_links=True in its sources"]


def test_links_are_followed_where_the_source_says_so(tiny, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    for folder in ("images", "masks"):
        path = tiny.root / folder / "b.png"
        path.rename(outside / f"{folder}.png")
        path.symlink_to(outside / f"{folder}.png")
    for task in (tiny.boxes_task, tiny.masks_task):
        assert check_sources([task()]).faults
        assert check_sources([task(follow_links=True)]).faults == []


def test_a_linked_folder_in_a_file_name_leaves_too(tiny, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (tiny.root / "images" / "c.png").rename(outside / "c.png")
    (tiny.root / "images" / "sub").symlink_to(outside)
    content = tiny.coco
    content["images"][2]["file_name"] = "sub/c.png"
    tiny.write_coco(content)
    (fault,) = check_sources([tiny.boxes_task()]).faults
    assert str(fault).startswith(f"{tiny.root}/images/sub/c.png: is a link that leaves its folder, to {outside}/c.png;")


def test_a_linked_source_folder_is_a_folder(tiny):
    (tiny.root / "images").rename(tiny.root / "real")
    (tiny.root / "images").symlink_to("real")
    assert check_sources([tiny.boxes_task(), tiny.masks_task()]).faults == []


def test_names_that_cannot_be_printed_are_escaped(tiny):
    path = os.fsencode(tiny.root / "masks") + b"/caf\xe9\n.png"
    with open(path, "wb"):
        pass
    (fault,) = check_sources([tiny.masks_task()]).faults
    assert str(fault).startswith(f"{tiny.root}/masks/caf\\udce9\\n.png: no image 'caf\\udce9\\n' in ")
    str(fault).encode()


def test_a_name_too_long_for_the_disk_is_a_missing_image(tiny):
    content = tiny.coco
    content["images"][2]["file_name"] = "x" * 5000
    tiny.write_coco(content)
    (fault,) = check_sources([tiny.boxes_task()]).faults
    assert fault.message.startswith("no such image file")


@pytest.mark.parametrize("kind", ["boxes", "masks"])
def test_labels_made_on_the_unturned_image_are_told(tiny, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 48)).save(tiny.root / "images" / "a.png", exif=exif)  # shown by viewers as 48x64
    (fault,) = check_sources([tiny.boxes_task() if kind == "boxes" else tiny.masks_task()]).faults
    turned = " (EXIF orientation 6 turns it, the labels are of the pixels as stored: take the tag out)"
    assert str(fault) == {
        "boxes": f"{tiny.root}/images/a.png: the image is 48x64, its annotations say 64x48{turned}; fix one of them",
        "masks": f"{tiny.root}/masks/a.png: the mask is 64x48, its image 48x64{turned}; make them equal"}[kind]


def test_images_of_both_train_and_val_are_counted_by_task(tiny, tmp_path):
    """A link to an image of train is that image. d.png, which only masks label, is none of the boxes' train."""
    images, masks = tmp_path / "val" / "images", tmp_path / "val" / "masks"
    images.mkdir(parents=True)
    masks.mkdir()
    for name in ("d.png", "new.png"):
        cv2.imwrite(str(masks / name), np.zeros((48, 64), np.uint8))
    cv2.imwrite(str(images / "new.png"), np.zeros((48, 64, 3), np.uint8))
    (images / "d.png").symlink_to(tiny.root / "images" / "d.png")
    boxes = tmp_path / "val" / "boxes.json"
    boxes.write_text(json.dumps({"images": [{"id": 0, "file_name": "d.png", "width": 64, "height": 48}], "annotations": [],
                                 "categories": [{"id": 1, "name": "car"}]}))
    of_val = {"images": str(images), "follow_links": True}
    val = check_sources([tiny.masks_task(masks=str(masks), **of_val), tiny.boxes_task(annotations=str(boxes), **of_val)])
    assert val.faults == []
    assert images_of_both(check_sources([tiny.masks_task(), tiny.boxes_task()]), val) == [
        f"task 'seg': 1 of the 2 images of val are images of train, too, e.g. {images}/d.png: validation on them flatters; give val "
        "images of its own"]
