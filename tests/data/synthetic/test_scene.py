import hashlib

import numpy as np
import pytest

from mtzoo.data.synthetic import CATEGORIES, LANE_CLASSES, SEG_CLASSES, render_scene

SIZE = (360, 640)
CLASS_OF = {"vehicle_rear": "vehicle", "vehicle_front": "vehicle"}


@pytest.fixture(scope="module")
def scenes():
    return [render_scene(7, i, SIZE) for i in range(5)]


def digest(scene) -> str:
    parts = (scene.image.tobytes(), scene.seg.tobytes(), scene.lane.tobytes(), repr(scene.objects).encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()


def test_same_seed_same_bytes_in_any_order(scenes):
    assert digest(render_scene(7, 2, SIZE)) == digest(scenes[2])
    assert digest(render_scene(8, 2, SIZE)) != digest(scenes[2])
    assert digest(scenes[1]) != digest(scenes[2])


def test_shapes_and_values(scenes):
    for scene in scenes:
        assert scene.image.shape == (*SIZE, 3)
        assert scene.image.dtype == scene.seg.dtype == scene.lane.dtype == np.uint8
        assert scene.seg.shape == scene.lane.shape == SIZE
        assert set(np.unique(scene.seg)) <= {*range(len(SEG_CLASSES)), 255}
        assert set(np.unique(scene.lane)) <= set(range(len(LANE_CLASSES)))
        assert (scene.seg == 255).mean() < 0.15


def test_lane_paint_is_road_and_curbs_are_sidewalk(scenes):
    road, sidewalk = SEG_CLASSES.index("road"), SEG_CLASSES.index("sidewalk")
    for scene in scenes:
        assert (scene.seg[(scene.lane == 1) | (scene.lane == 2)] == road).all()
        assert (scene.seg[scene.lane == 3] == sidewalk).all()


def test_each_side_of_a_box_touches_pixels_of_its_class(scenes):
    """Boxes are tight: the visible extent, no more and no less."""
    count = 0
    for scene in scenes:
        for thing in scene.objects:
            x1, y1, x2, y2 = thing.xyxy
            assert 0 <= x1 < x2 <= SIZE[1]
            assert 0 <= y1 < y2 <= SIZE[0]
            own = scene.seg[y1:y2, x1:x2] == SEG_CLASSES.index(CLASS_OF.get(thing.category, thing.category))
            assert own[0].any()
            assert own[-1].any()
            assert own[:, 0].any()
            assert own[:, -1].any()
            assert thing.area <= own.sum()
            count += 1
    assert count > 30


def test_rears_and_fronts_belong_to_a_vehicle(scenes):
    for scene in scenes:
        vehicles = np.array([o.xyxy for o in scene.objects if o.category == "vehicle"]).reshape(-1, 4)
        for thing in scene.objects:
            if thing.category in CLASS_OF:
                x1, y1, x2, y2 = thing.xyxy
                around = (vehicles[:, :2] <= (x1, y1)).all(1) & (vehicles[:, 2:] >= (x2, y2)).all(1)
                assert around.any()


def test_pixels_of_things_are_nearly_all_in_boxes(scenes):
    """Only specks may be without a box: what is labelled in `seg` is a thing somebody has to find."""
    for name in ("vehicle", "person", "cyclist", "traffic_light", "sign"):
        inside = total = 0
        for scene in scenes:
            boxed = np.zeros(SIZE, bool)
            for thing in scene.objects:
                if thing.category == name:
                    x1, y1, x2, y2 = thing.xyxy
                    boxed[y1:y2, x1:x2] = True
            own = scene.seg == SEG_CLASSES.index(name)
            inside, total = inside + (own & boxed).sum(), total + own.sum()
        assert inside >= 0.97 * total


def test_ignored_are_the_hidden_and_the_small(scenes):
    for scene in scenes:
        for thing in scene.objects:
            side = max(thing.xyxy[2] - thing.xyxy[0], thing.xyxy[3] - thing.xyxy[1])
            assert thing.ignore == (thing.visible_fraction < 0.3 or side < 6)


@pytest.mark.slow
def test_a_hundred_scenes_hold_everything():
    seen, lanes, things = np.zeros(256, np.int64), np.zeros(256, np.int64), dict.fromkeys(CATEGORIES, 0)
    for i in range(100):
        scene = render_scene(3, i, SIZE)
        seen += np.bincount(scene.seg.ravel(), minlength=256)
        lanes += np.bincount(scene.lane.ravel(), minlength=256)
        for thing in scene.objects:
            things[thing.category] += not thing.ignore
    assert (seen[:len(SEG_CLASSES)] > 100 * 50).all()
    assert (lanes[:len(LANE_CLASSES)] > 100 * 200).all()
    assert all(count > 60 for count in things.values()), things


def test_other_sizes_show_the_same_scene_larger(scenes):
    large = render_scene(7, 0, (720, 1280))
    small = scenes[0].seg
    agree = (large.seg[::2, ::2] == small).mean()
    assert agree > 0.97
    odd = render_scene(7, 0, (217, 301))
    assert odd.image.shape == (217, 301, 3)
