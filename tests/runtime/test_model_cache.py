import stat

import numpy as np
import openvino
import pytest

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.runtime import model_cache
from mtzoo.runtime.executors import openvino_core
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.model_cache import VARIABLE, cache_folder, compile_model

OPTIONS = {"INFERENCE_NUM_THREADS": 1}


def doubling(factor=2.0):
    builder = GraphBuilder()
    builder.add_input("x", np.float32, (1, 4))
    builder.op("Mul", ["x", builder.float(factor)], "y")
    builder.add_output("y", np.float32, (1, 4))
    return builder.model("doubling").SerializeToString()


def answer(compiled):
    request = compiled.create_infer_request()
    request.infer({"x": np.arange(4, dtype=np.float32)[None]})
    return request.get_tensor("y").data[0].tolist()


@pytest.fixture
def compiled_now(monkeypatch):
    """How often OpenVINO compiled a model instead of loading one."""
    calls, core = [], openvino_core()

    class Counting:
        get_property, read_model, import_model = core.get_property, core.read_model, core.import_model

        def compile_model(self, *args):
            calls.append(args)
            return core.compile_model(*args)

    return Counting(), calls


def test_the_second_load_compiles_nothing(compiled_now, tmp_path):
    core, calls = compiled_now
    folder = tmp_path / "deep" / "openvino"
    for _ in range(2):
        assert answer(compile_model(core, doubling(), OPTIONS, folder)) == [0, 2, 4, 6]
    assert len(calls) == 1
    assert len(list(folder.iterdir())) == 1
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_whatever_decides_a_model_leads_to_a_file_of_its_own(compiled_now, tmp_path, monkeypatch):
    core, calls = compiled_now
    compile_model(core, doubling(), OPTIONS, tmp_path)
    assert answer(compile_model(core, doubling(3.0), OPTIONS, tmp_path)) == [0, 3, 6, 9]
    compile_model(core, doubling(), {"INFERENCE_NUM_THREADS": 2}, tmp_path)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    compile_model(core, doubling(), OPTIONS, tmp_path)
    monkeypatch.setattr(openvino, "get_version", lambda: "2099.1")
    compile_model(core, doubling(), OPTIONS, tmp_path)
    assert len(calls) == len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("damage", [lambda kept: b"", lambda kept: kept[:40], lambda kept: kept[:-1],
                                    lambda kept: kept[:-1] + bytes([kept[-1] ^ 1]),
                                    lambda kept: model_cache.DIGEST(b"no model").digest() + b"no model"],
                         ids=["empty", "cut in its head", "cut at its end", "one bit", "none of OpenVINO's"])
def test_a_damaged_file_is_made_again(compiled_now, tmp_path, damage):
    core, calls = compiled_now
    compile_model(core, doubling(), OPTIONS, tmp_path)
    path, = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert answer(compile_model(core, doubling(), OPTIONS, tmp_path)) == [0, 2, 4, 6]
    assert len(calls) == 2
    assert path.stat().st_size == len(whole)
    compile_model(core, doubling(), OPTIONS, tmp_path)
    assert len(calls) == 2


@pytest.mark.parametrize("taken", ["a file", "a folder", "a link to nothing"])
def test_a_place_that_cannot_be_used_keeps_nothing_from_being_loaded(compiled_now, tmp_path, taken):
    core, _ = compiled_now
    folder = tmp_path / "openvino"
    if taken == "a file":
        folder.write_text("")
    elif taken == "a folder":
        compile_model(core, doubling(), OPTIONS, folder)
        path, = folder.iterdir()
        path.unlink()
        (path / "inside").mkdir(parents=True)
    else:
        folder.symlink_to(tmp_path / "missing" / "further")
    assert answer(compile_model(core, doubling(), OPTIONS, folder)) == [0, 2, 4, 6]


def test_the_least_recently_used_files_go(compiled_now, tmp_path, monkeypatch):
    core, calls = compiled_now
    monkeypatch.setattr(model_cache, "MOST_FILES", 2)
    for factor in (1.0, 2.0, 1.0, 3.0, 1.0):
        compile_model(core, doubling(factor), OPTIONS, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert len(calls) == 3


def test_what_a_killed_process_left_goes_with_the_next_file(compiled_now, tmp_path):
    core, _ = compiled_now
    (tmp_path / ".0123.compiled.host-1-00000000.part").write_bytes(b"half")
    compile_model(core, doubling(), OPTIONS, tmp_path)
    kept, = tmp_path.iterdir()
    assert kept.suffix == model_cache.SUFFIX


def test_where_models_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, "off")
    assert cache_folder() is None
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert cache_folder() == tmp_path / "openvino"
    monkeypatch.delenv(VARIABLE)
    assert cache_folder().parts[-2:] == ("mtzoo", "openvino")


@pytest.mark.slow  # compiling a network takes seconds
def test_deploy_models_use_it(model_path, monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    DeployModel.load(model_path, threads=1, cache=False)
    assert not list(tmp_path.iterdir())
    photo = np.random.default_rng(0).integers(0, 256, (144, 180, 3), dtype=np.uint8)
    first, second = (DeployModel.load(model_path, threads=1).predict(photo) for _ in range(2))
    assert len(list((tmp_path / "openvino").iterdir())) == 1
    np.testing.assert_array_equal(first.label_maps["seg"], second.label_maps["seg"])
    for one, other in zip(first.detections["det"], second.detections["det"]):
        np.testing.assert_array_equal(one, other)
