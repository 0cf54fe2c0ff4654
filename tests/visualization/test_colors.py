import itertools

from mtzoo.visualization.colors import class_color, text_color


def test_the_shipped_tasks_classes_differ_from_one_another():
    seg = "sky building pole road sidewalk vegetation sign fence vehicle person cyclist traffic_light"
    names = [*seg.split(), "vehicle_rear", "vehicle_front", "solid", "dashed", "curb"]
    for a, b in itertools.combinations(names, 2):
        assert sum(abs(x - y) for x, y in zip(class_color(a), class_color(b))) > 40, (a, b)


def test_an_unknown_class_keeps_its_colour_and_other_data_sets_names_share_one():
    assert class_color("kangaroo") == class_color("kangaroo") != class_color("wombat")
    assert class_color("bicyclist") == class_color("cyclist")


def test_a_class_named_after_a_colour_has_it():
    assert [class_color(name).index(max(class_color(name))) for name in ("blue", "green", "red")] == [0, 1, 2]


def test_text_is_black_on_light_and_white_on_dark():
    assert text_color((255, 255, 255)) == (0, 0, 0)
    assert text_color((60, 20, 20)) == (255, 255, 255)
