import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf.message import EncodeError
from onnx import numpy_helper

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.file import read_deploy_file
from mtzoo.errors import Caution, UserError
from mtzoo.runtime import executors
from mtzoo.runtime.executors import build_executor


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


@pytest.mark.parametrize("name", executors.EXECUTORS)
def test_threads_may_share_an_executor(name):
    builder = GraphBuilder()
    builder.add_input("x", np.float32, (64, 64, 64))
    builder.op("Exp", ["x"], "y")
    builder.add_output("y", np.float32, (64, 64, 64))
    executor = build_executor(name, builder.model("exp"), 1)
    values = np.arange(4, dtype=np.float32)

    def found(value):
        return np.unique([executor.run({"x": np.full((64, 64, 64), value)})["y"] for _ in range(25)])

    with ThreadPoolExecutor(len(values)) as threads:
        for answers, value in zip(threads.map(found, values), values):
            np.testing.assert_allclose(answers, np.exp(value), rtol=1e-6)


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

    monkeypatch.setattr(executors, "saturates", lambda _: False)  # the probe needs a true core
    monkeypatch.setattr(executors, "openvino_core", Core)
    with pytest.raises(UserError, match="OpenVINO cannot load this model"):
        executors.OpenVinoExecutor(read_deploy_file(model_path).model, 1, sparse_rate=0.3)
    assert given["CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE"] == "0.3"
    assert not [value for value in given.values() if isinstance(value, float)]


@pytest.mark.parametrize("name", executors.EXECUTORS)
def test_what_a_runtime_raises_is_one_line(name, model_path):
    """Loading a graph with a hole, running with inputs of another shape."""
    model = read_deploy_file(model_path).model
    spoilt = onnx.ModelProto()
    spoilt.CopyFrom(model)
    spoilt.graph.node.remove(next(node for node in spoilt.graph.node if node.op_type == "Relu"))
    with pytest.raises(UserError, match="cannot load this model") as fault:
        build_executor(name, spoilt, 1)
    assert "\n" not in str(fault.value)
    with pytest.raises(UserError, match="cannot run this model"):
        build_executor(name, model, 1).run({"image": np.zeros((1, 3, 7, 7), np.uint8), "im_hw": np.zeros((1, 2), np.float32)})


@pytest.mark.parametrize("name", executors.EXECUTORS)
def test_a_cpu_that_saturates_is_told_once(name, model_path, monkeypatch, recwarn):
    monkeypatch.setattr(executors, "saturates", lambda _: True)
    executors._warned.clear()
    model = read_deploy_file(model_path).model
    for _ in range(2):
        assert build_executor(name, model, 1).float_layers > 0
    told = [str(w.message) for w in recwarn if w.category is Caution]
    assert len(told) == 1
    assert name in told[0]
    assert f"{build_executor(name, model, 1).float_layers} of " in told[0]
    assert "--weight-bits 7" in told[0]


def test_weights_of_seven_bits_are_not_told(model_path, monkeypatch, recwarn):
    monkeypatch.setattr(executors, "saturates", lambda _: True)
    executors._warned.clear()
    model = read_deploy_file(model_path).model
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) // 2, tensor.name))
    assert build_executor("onnxruntime", model, 1).float_layers == 0
    assert not [w for w in recwarn if w.category is Caution]


def test_a_network_too_large_for_an_onnx_file_is_one_line():
    class Large:
        """A model of more than 2 GiB, which protobuf refuses, without the memory for one."""

        def SerializeToString(self):  # noqa: N802
            raise EncodeError("Failed to serialize proto")

    with pytest.raises(UserError, match="more than the 2 GiB that an ONNX file can have"):
        executors.serialized(Large())
