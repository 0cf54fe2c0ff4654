import pytest

import mtzoo
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.recipes.convert_data import with_ignored
from tests.data.convert.layouts import LAYOUTS


def test_a_layout_is_recognised_and_converted(tmp_path):
    form, write = LAYOUTS["kitti"]
    write(tmp_path / "src")
    told = []
    summary = mtzoo.convert_data(tmp_path / "src", tmp_path / "out", on_progress=lambda done, total: told.append(done))
    named = mtzoo.convert_data(tmp_path / "src", tmp_path / "named", format=form)
    assert summary.images == named.images
    assert summary.images.total() > 0
    assert told[-1] > 0


def test_a_json_that_is_named_is_read_as_what_it_holds(tmp_path):
    LAYOUTS["label_studio"][1](tmp_path / "studio")
    LAYOUTS["coco"][1](tmp_path / "coco")
    assert mtzoo.convert_data(tmp_path / "studio" / "export.json", tmp_path / "a").objects == {"vehicle": 2}
    coco = tmp_path / "coco" / "annotations" / "instances_train2017.json"
    summary = mtzoo.convert_data(None, tmp_path / "b", annotations=coco, images=tmp_path / "coco" / "train2017", max_bad_images=1)
    assert summary.objects == {"vehicle": 1, "pizza": 2}


@pytest.mark.parametrize(("options", "said"), [
    ({"format": "kity"}, "no such format; did you mean"), ({"src": None}, "--data DIR is missing"),
    ({"annotations": "gone.json"}, "gone.json: no such file"),
])
def test_what_is_not_there_is_told(tmp_path, options, said):
    with pytest.raises(mtzoo.UserError, match=said):
        mtzoo.convert_data(**{"src": tmp_path, "out": tmp_path / "out", **options})


def test_a_category_is_renamed_or_ignored():
    assert with_ignored({"a": "b"}, ["c"]) == {"a": "b", "c": IGNORE_CATEGORY}
    with pytest.raises(mtzoo.UserError, match="--ignore a: --rename makes it b"):
        with_ignored({"a": "b"}, ["a"])
