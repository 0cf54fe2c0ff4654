import subprocess
import sys
from pathlib import Path

import pytest

from mtzoo.errors import UserError
from mtzoo.export import read_deploy_file
from mtzoo.runtime import build_executor, executors


@pytest.mark.parametrize(("executor", "package", "advice"), [
    ("openvino", "openvino", "pip install openvino"),
    ("onnxruntime", "onnxruntime", "pip install onnxruntime"),
])
def test_a_missing_package_is_one_line(executor, package, advice, model_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=advice):
        build_executor(executor, read_deploy_file(model_path).model, 1)


def test_a_handled_signal_survives_the_executors(model_path):
    """OpenVINO's last Core would take the stack away on which Python handles signals; in a process of its own, for it may die."""
    code = ("import os, signal, sys, numpy as np; from pathlib import Path; from mtzoo.runtime.verify import verify; "
            "verify(Path(sys.argv[1]), [np.zeros((64, 96, 3), np.uint8)]); signal.signal(signal.SIGCHLD, lambda *_: None); "
            "child = os.fork(); child or os._exit(0); os.waitpid(child, 0); print('survived')")
    done = subprocess.run([sys.executable, "-c", code, str(model_path)], capture_output=True, text=True, check=False,
                          cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.returncode
    assert done.stdout.splitlines()[-1] == "survived"


def test_an_unknown_executor(model_path):
    with pytest.raises(UserError, match="executor 'openvno'.*did you mean 'openvino'"):
        build_executor("openvno", read_deploy_file(model_path).model, 1)


def test_openvino_2024_takes_fractions_as_text_only(model_path, monkeypatch):
    given = {}

    class Core:
        read_model = staticmethod(lambda model: model)

        @staticmethod
        def compile_model(model, device, options):
            given.update(options)
            raise NotImplementedError

    monkeypatch.setattr(executors, "_openvino_core", Core)
    with pytest.raises(UserError, match="OpenVINO cannot load this model"):
        executors.OpenVinoExecutor(read_deploy_file(model_path).model, 1, sparse_rate=0.3)
    assert given["CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE"] == "0.3"
    assert not [value for value in given.values() if isinstance(value, float)]
