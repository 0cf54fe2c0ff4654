import sys

import pytest

from mtzoo.errors import UserError
from mtzoo.export import read_deploy_file
from mtzoo.runtime import build_executor


@pytest.mark.parametrize(("executor", "package", "advice"), [
    ("openvino", "openvino", "pip install openvino"),
    ("onnxruntime", "onnxruntime", "pip install onnxruntime"),
])
def test_a_missing_package_is_one_line(executor, package, advice, model_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=advice):
        build_executor(executor, read_deploy_file(model_path).model, 1)


def test_an_unknown_executor(model_path):
    with pytest.raises(UserError, match="executor 'openvno'.*did you mean 'openvino'"):
        build_executor("openvno", read_deploy_file(model_path).model, 1)
