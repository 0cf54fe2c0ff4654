"""`import mtzoo`: cheap, complete, documented and typed."""

import ast
import inspect
import subprocess
import sys
import typing
from pathlib import Path

import cv2
import numpy as np
import pytest

import mtzoo

ROOT = Path(mtzoo.__file__).parent
HEAVY = ("cv2", "mmengine", "numpy", "onnx", "onnxruntime", "openvino", "rich", "torch")
LIGHT_ONES = ("list_configs", "list_models", "UserError")
"""What needs none of the heavy libraries."""


def imported_after(code):
    """Which of HEAVY are imported when the code has run."""
    code = f"import sys; {code}; print(*({set(HEAVY)} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_import_waits_for_no_library():
    assert imported_after("import mtzoo; dir(mtzoo); mtzoo.__version__") == set()


def test_lists_of_names_wait_for_no_library():
    assert imported_after(f"import mtzoo; [getattr(mtzoo, name) for name in {LIGHT_ONES}]; mtzoo.list_configs()") == set()


def test_verbs_that_run_a_deploy_model_wait_for_no_torch(model_path, tmp_path):
    """`import torch` takes longer than all that they do with a file that has its post-processing inside."""
    image = tmp_path / "a.png"
    cv2.imwrite(str(image), np.zeros((72, 96, 3), np.uint8))
    predict = ["predict", str(model_path), str(image), "--out", str(tmp_path / "out")]
    frames = ["bench", str(model_path), "--images", str(image), "--runs", "1"]
    found = imported_after(f"from mtzoo.cli.main import main; assert [main(verb) for verb in {[predict, frames]}] == [0, 0]")
    assert found == {"cv2", "numpy", "onnx", "openvino", "rich"}


def test_everything_is_there_by_all_its_names():
    assert set(mtzoo.__all__) == set(mtzoo._MODULES) <= set(dir(mtzoo))
    assert mtzoo.__all__ == sorted(mtzoo.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'quantise'"):
        mtzoo.quantise  # noqa: B018
    assert (ROOT / "py.typed").is_file()


def test_type_checkers_see_what_is_imported_at_run_time():
    (block,) = [node for node in ast.parse((ROOT / "__init__.py").read_text()).body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == {name: f"mtzoo.{module}" for name, module in mtzoo._MODULES.items()}


@pytest.mark.parametrize("name", mtzoo.__all__)
def test_each_name_is_documented_and_typed(name):
    found = getattr(mtzoo, name)
    assert inspect.getdoc(found)
    if inspect.isfunction(found):
        hints = typing.get_type_hints(found)
        assert {*inspect.signature(found).parameters, "return"} <= set(hints)


def test_a_package_of_the_same_name_is_not_in_the_way():
    """`mtzoo.export` is a function, whatever was imported before."""
    for name in mtzoo.__all__:
        assert not inspect.ismodule(getattr(mtzoo, name)), name
