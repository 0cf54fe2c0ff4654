import pytest

from mtzoo.data.tag_names import tag_name, task_and_class


@pytest.mark.parametrize(("task", "label", "name"), [
    ("cls", "night", "night"), ("time", "night", "time:night"), ("cls", "12:30", "cls:12:30"), ("time", "a:b", "time:a:b")])
def test_names_in_labelling_tools_come_back(task, label, name):
    assert tag_name(task, label) == name
    assert task_and_class(name) == (task, label)


@pytest.mark.parametrize("name", ["seg:road", "at night:late", "night:", ":night"])
def test_what_names_no_task_is_a_class_as_a_whole(name):
    assert task_and_class(name) == ("cls", name)
