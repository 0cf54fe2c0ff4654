from mtzoo.data.convert.classes import (
    MASK_CLASSES,
    TRAIN_CLASSES,
    common_class,
    join_riders,
    mask_table,
    order_categories,
    served_tasks,
)
from mtzoo.data.convert.records import LabelledBox


def test_names_are_read_as_people_write_them():
    assert [common_class(name) for name in ("Traffic_Light", "CAR", "person-sitting", "DontCare", "stop sign")] == [
        "traffic_light", "vehicle", "person", "ignore", None]


def test_train_ids_become_ids_of_the_task():
    table = mask_table(TRAIN_CLASSES, MASK_CLASSES["seg"])
    assert [MASK_CLASSES["seg"][table[k]] for k in (0, 8, 12, 13, 18)] == ["road", "vegetation", "cyclist", "vehicle", "cyclist"]
    assert table[19] == table[255] == 255


def test_each_rider_takes_the_nearest_two_wheeler_once():
    riders = [LabelledBox("rider", (10, 0, 20, 20)), LabelledBox("rider", (30, 0, 40, 20))]
    seats = [LabelledBox("bicycle", (8, 10, 24, 30)), LabelledBox("motorcycle", (60, 10, 80, 30))]
    joined = join_riders([*riders, *seats])
    assert joined[0].xyxy == (8, 0, 24, 30)
    assert joined[1:] == [riders[1], *seats]


def test_order_and_tasks():
    assert order_categories(["zebra", "sign", "cyclist", "bus"]) == ["cyclist", "sign", "bus", "zebra"]
    assert served_tasks(["sign", "bus"], ["lane"], styled_lanes=True) == ["det_vehicle_sign", "seg_lane"]
    assert served_tasks([], ["lane", "drivable"], styled_lanes=False) == ["seg_paint", "seg_drivable"]
