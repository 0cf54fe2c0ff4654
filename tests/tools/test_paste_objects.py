import json

import cv2
import numpy as np
import pytest

PERSON, CAR, IGNORE = 1, 2, 3
HORIZON, SLOPE, HW = 0.4, 0.8, (400, 800)


@pytest.fixture
def tool(load_tool):
    return load_tool("paste_objects")


@pytest.fixture
def folder(tmp_path):
    """Two grey frames: people on the ground, a car near by, an ignore region on the left; pictures with a red figure each."""
    (tmp_path / "frames").mkdir()
    boxes = [(PERSON, 600 + 30 * i, (HORIZON + SLOPE * h) * HW[0] - h * HW[0], 12, h * HW[0])
             for i, h in enumerate((0.05, 0.06, 0.08, 0.1, 0.12))]
    boxes += [(CAR, 200, 180, 260, 200), (IGNORE, 0, 0, 150, HW[0])]
    images = [{"id": i, "file_name": f"{i}.png", "height": HW[0], "width": HW[1]} for i in range(2)]
    annotations = [{"id": 1 + len(boxes) * i + k, "image_id": i, "category_id": c, "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0}
                   for i in range(2) for k, (c, x, y, w, h) in enumerate(boxes)]
    for image in images:
        cv2.imwrite(str(tmp_path / "frames" / image["file_name"]), np.full((*HW, 3), 128, np.uint8))
    names = ((PERSON, "person"), (CAR, "vehicle"), (IGNORE, "ignore"))
    content = {"images": images, "annotations": annotations, "categories": [{"id": k, "name": name} for k, name in names]}
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    for name in ("pictures", "masks"):
        (tmp_path / name).mkdir()
    picture, mask = np.full((220, 160, 3), 200, np.uint8), np.zeros((220, 160), np.uint8)
    picture[10:200, 40:100] = (0, 0, 255)
    mask[10:200, 40:100] = 1
    mask[0:40, 110:160] = 2  # too low an object to be used
    cv2.imwrite(str(tmp_path / "pictures" / "a.jpg"), picture)
    cv2.imwrite(str(tmp_path / "masks" / "a_mask.png"), mask)
    return tmp_path


def call(folder, out="out", **more):
    given = {"images": folder / "frames", "boxes": folder / "boxes.json", "name": "person", "out": folder / out} | more
    masks, value = given.pop("masks", folder / "masks"), given.pop("value", "each")
    options = [str(part) for name, value in given.items() for part in (f"--{name}", value)]
    return [*options, "--cutouts", str(folder / "pictures"), str(masks), value]


def written(out):
    content = json.loads((out / "boxes.json").read_text())
    of_image = {image["id"]: [] for image in content["images"]}
    for entry in content["annotations"]:
        of_image[entry["image_id"]].append(entry)
    return [(cv2.imread(str(out / "images" / image["file_name"])), of_image[image["id"]]) for image in content["images"]]


def test_objects_stand_on_the_ground_and_hide_nothing_near(tool, folder, capsys):
    assert tool.main([*call(folder), "--copies", "4"]) == 0
    frames = written(folder / "out")
    assert "8 frames with" in capsys.readouterr().out
    pasted = [entry for _, entries in frames for entry in entries[7:]]
    assert len(pasted) > 20
    assert {entry["category_id"] for entry in pasted} == {PERSON}
    for x, y, width, height in (entry["bbox"] for entry in pasted):
        assert (y + height) / HW[0] == pytest.approx(HORIZON + SLOPE * height / HW[0], abs=0.01)
        assert 0 <= x <= HW[1] - width
        assert max(150 - x, 0) <= 0.3 * width + 1  # of the ignore region
    for image, entries in frames:
        assert [entry["category_id"] for entry in entries[:7]] == [PERSON] * 5 + [CAR, IGNORE]
        red = image[:, :, 2].astype(int) - image[:, :, 1] > 60
        assert not red[184:376, 204:456].any()  # the car is nearer than all of them
        assert red.any()


def test_the_same_seed_gives_the_same_frames(tool, folder):
    for out, seed in (("one", "1"), ("again", "1"), ("other", "2")):
        assert tool.main([*call(folder, out), "--copies", "1", "--seed", seed]) == 0
    first, again, other = ((folder / out / "boxes.json").read_bytes() for out in ("one", "again", "other"))
    assert first == again != other
    assert all((a == b).all() for (a, _), (b, _) in zip(written(folder / "one"), written(folder / "again")))


def test_frames_of_one_name_in_two_folders_are_two(tool, folder):
    content = json.loads((folder / "boxes.json").read_text())
    for image, day in zip(content["images"], ("monday", "tuesday")):
        (folder / "frames" / day).mkdir()
        (folder / "frames" / image["file_name"]).rename(folder / "frames" / day / "0.png")
        image["file_name"] = f"{day}/0.png"
    (folder / "boxes.json").write_text(json.dumps(content))
    assert tool.main([*call(folder), "--copies", "1"]) == 0
    assert sorted(path.name for path in (folder / "out" / "images").iterdir()) == ["0_monday_0.jpg", "0_tuesday_0.jpg"]


def test_what_a_user_gets_wrong_is_one_line(tool, folder, capsys):
    (folder / "there").mkdir()
    (folder / "wide").mkdir()
    cv2.imwrite(str(folder / "wide" / "a.png"), np.ones((100, 300), np.uint8))
    content = json.loads((folder / "boxes.json").read_text())
    content["annotations"][0]["bbox"] = [0, 0, -5, 5]
    (folder / "damaged.json").write_text(json.dumps(content))
    content = json.loads((folder / "boxes.json").read_text())
    content["images"][1]["file_name"] = "0.jpg"
    (folder / "twice.json").write_text(json.dumps(content))
    for arguments, line in (([*call(folder), "--copies", "0"], "--copies: 1 is more than 0"),
                            ([*call(folder), "--objects", "5", "2"], "--objects: 5 is more than 2"),
                            ([*call(folder), "--heights", "0.1", "10"], "--heights: 10.0 is more than 1"),
                            (call(folder, boxes=folder / "damaged.json"), "annotations[0] id=1"),
                            (call(folder, boxes=folder / "twice.json"), "two frames would be written as '0.jpg'; rename one"),
                            (call(folder, name="persn"), "no category 'persn'; did you mean 'person'?"),
                            (call(folder, name="vehicle"), "2 boxes of 'vehicle' in the frames; 10 are needed"),
                            (call(folder, "there"), "there: exists already; name a new folder"),
                            (call(folder, masks=folder / "frames"), "no PNG shows an upright object of 36 pixels or more"),
                            (call(folder, masks=folder / "wide"), "a.png: has (100, 300) pixels"),
                            (call(folder, value="2"), "as '2' on"),
                            (call(folder, value="person"), "'person' is neither 'each' nor a mask's value from 1 to 255"),
                            (call(folder, boxes=folder / "none.json"), "none.json: no such annotation file")):
        assert tool.main(arguments) == 2
        error = capsys.readouterr().err
        assert line in error
        assert error.count("\n") == 1
    assert not (folder / "out").exists()
