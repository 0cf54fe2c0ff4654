import cv2
import numpy as np

from mtzoo.data.check import check_sources


def test_good_data_has_no_fault(tiny):
    counted = []
    assert check_sources([tiny.boxes_task(), tiny.masks_task()], lambda done, total: counted.append((done, total))) == []
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
    faults = check_sources([tiny.boxes_task(), tiny.boxes_task(), tiny.masks_task()])
    assert all("\n" not in str(fault) for fault in faults)
    expected = ["images[4]: file_name '../up.png' leaves", "annotations[0] id=10: bbox", "e.png: no image 'e'",
                "gone.png: no such image file", "a.png: cannot be decoded", "b.png: mask value 77 (3072 px)",
                "c.png: the mask is 64x40", "d.png: not an image"]
    assert len(faults) == len(expected)
    for words in expected:
        assert any(words in str(fault) for fault in faults), words


def test_a_broken_source_does_not_hide_the_others(tiny):
    (tiny.root / "boxes.json").write_text("{")
    cv2.imwrite(str(tiny.root / "masks" / "b.png"), np.full((48, 64), 77, np.uint8))
    faults = [str(f) for f in check_sources([tiny.boxes_task(), tiny.masks_task()])]
    assert len(faults) == 2
    assert "not JSON" in faults[0]
    assert "mask value 77" in faults[1]
