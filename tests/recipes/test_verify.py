import cv2
import numpy as np
import pytest

import mtzoo

IMAGE = np.random.default_rng(0).integers(0, 256, (72, 96, 3), dtype=np.uint8)


def test_a_folder_and_arrays_give_the_same_counts(model_path, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), IMAGE)
    told = []
    of_folder = mtzoo.verify(model_path, tmp_path, threads=1, on_progress=lambda done, total: told.append((done, total)))
    of_array = mtzoo.verify(model_path, [IMAGE, IMAGE], limit=1, threads=1)
    assert of_folder.equal
    assert of_folder.proven
    assert of_folder.report.executors == of_array.report.executors
    assert told == [(0, 1), (1, 1)]


def test_a_float_file_is_measured_and_not_called_equal(project, tmp_path):
    made = mtzoo.export(project / "float.pt", tmp_path / "float.onnx")
    found = mtzoo.verify(made.model, [IMAGE], threads=1)
    assert found.report is None
    assert not found.equal
    assert set(found.distances["onnxruntime"]) == {"det", "seg", "cls"}
    with pytest.raises(mtzoo.UserError, match="not an integer network"):
        mtzoo.verify(made.model, [IMAGE], every=True)
