import copy
import json
import math
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtzoo.config import config_from_dict, config_hash, load_config
from mtzoo.config.overrides import override
from mtzoo.errors import UserError
from mtzoo.locate import find_config, list_configs
from tests.tiny import HW, config_values, tiny_config, write_config

HERE = "folder"  # nothing is read before training: the paths need not exist


@pytest.fixture
def values(tmp_path):
    return config_values(tmp_path)


@pytest.mark.parametrize("name", list_configs())
def test_every_shipped_config_loads_without_data(name, monkeypatch):
    monkeypatch.delenv("MTZOO_DATA", raising=False)
    config = load_config(find_config(name))
    assert config.name == name
    assert config.tasks
    assert config_from_dict(json.loads(json.dumps(config.resolved))) == config


def test_shipped_configs_are_short():
    for name in list_configs():
        assert len(find_config(name).read_text().splitlines()) < 80, name


def test_resolved_survives_json_with_the_same_hash(tmp_path):
    config = tiny_config(tmp_path)
    again = config_from_dict(json.loads(json.dumps(config.resolved)))
    assert again == config
    assert config_hash(again) == config_hash(config)


def test_the_hash_is_of_the_content_not_of_the_order(values):
    first = config_hash(config_from_dict(values))
    assert config_hash(config_from_dict(dict(reversed(values.items())))) == first
    assert config_hash(config_from_dict({**values, "env": {**values["env"], "seed": 1}})) != first
    assert len(first) == 16


def test_the_hash_knows_what_is_learnt_of_a_teacher_and_not_where_it_lies(values):
    of = lambda **taught: config_hash(config_from_dict({**values, "distillation": taught}))  # noqa: E731
    assert of(teacher="a.pt") == of(teacher="b/c.pt") != of(teacher="a.pt", weight=2.0)
    assert of(teacher="a.pt") != config_hash(config_from_dict(values))


def test_tasks_that_are_left_out_teach_nothing(values, tmp_path):
    path = write_config(tmp_path / "mine.py", {**values, "distillation": {"teacher": "a.pt", "outputs": {
        "det.cls_s8": 1.0, "seg": 2.0, "typo": 1.0}}})
    assert load_config(path, tasks=["seg"]).distillation.outputs == {"seg": 2.0, "typo": 1.0}


def test_a_file_gives_what_its_values_give(values, tmp_path):
    path = write_config(tmp_path / "mine.py", values)
    config = load_config(path)
    assert config.name == f"{tmp_path.name}/mine"
    assert config == config_from_dict({**values, "name": config.name})


def put(values, dotted, value):
    """A deep copy with values["a"]["b"] = value."""
    changed = copy.deepcopy(values)
    *parents, last = dotted.split(".")
    at = changed
    for key in parents:
        at = at[int(key) if isinstance(at, list) else key]
    at[int(last) if isinstance(at, list) else last] = value
    return changed


@pytest.mark.parametrize(("place", "value", "message"), [
    # unknown keys, at every level
    ("solvr", [], r"^solvr: unknown key; did you mean 'solver'"),
    ("env.worker", 1, r"^env\.worker: unknown key; did you mean 'workers'"),
    ("env.load_threads", 4, r"^env\.load_threads: unknown key; it is called 'env\.workers' here$"),
    ("env.shuffle_chunk", 4, r"^env\.shuffle_chunk: unknown key; did you mean 'shuffle_chunk_size'"),
    ("solver.0.flot_phase", {}, r"^solver\[0\]\.flot_phase: unknown key; did you mean 'float_phase'"),
    ("solver.0.float_phase.optimizer.lrr", 1, r"^solver\[0\]\.float_phase\.optimizer\.lrr: unknown key; did you mean 'lr'"),
    ("solver.0.float_phase.schedule", {"typ": "poly"}, r"schedule\.typ: unknown key; did you mean 'type'"),
    ("tasks.det.clases", ["x"], r"^tasks\.det\.clases: unknown key; did you mean 'classes'"),
    ("tasks.det.boxes", {"topk": 3}, r"^tasks\.det\.boxes\.topk: unknown key; did you mean 'top_k'"),
    ("tasks.seg.labels", {"upsampel": 2}, r"^tasks\.seg\.labels\.upsampel: unknown key; did you mean 'upsample'"),
    ("tasks.det.quantization", {"weight_bit": 8}, r"quantization\.weight_bit: unknown key; did you mean 'weight_bits'"),
    ("train_geometry.crop", [64, 96], r"^train_geometry\.crop: unknown key; did you mean 'crop_hw'"),
    ("deploy_geometry.drop_up", 1, r"^deploy_geometry\.drop_up: unknown key; did you mean 'drop_top'"),
    ("int_inference_export_input_shape.imhw", [1, 2], r"\.imhw: unknown key; did you mean 'im_hw'"),
    ("sources.boxes.anotations", "x", r"^tasks\.det\.train\[0\]\.anotations: unknown key; did you mean 'annotations'"),
    # missing things
    ("tasks", {}, "^tasks is empty"),
    ("tasks", None, "^tasks is empty"),
    ("tasks.det", {"kind": "detection"}, r"^tasks\.det: 'classes' is missing; add it"),
    ("tasks.det.classes", [], r"^tasks\.det\.classes is empty"),
    ("tasks.det.train", [], r"^tasks\.det\.train is empty; a task needs data"),
    ("tasks.det.val", [], r"^tasks\.det\.val is empty; a task needs data"),
    ("tasks.det.loss", {}, r"^tasks\.det\.loss: expected a dict with a 'type'"),
    ("solver", [], r"^solver has 0 entries; expected 4"),
    ("solver.1", {"prefix": "fusion-bn-c1"}, r"^solver\[1\]: 'quant_phase' is missing"),
    ("solver.0", {"prefix": "with-bn"}, r"^solver\[0\] has neither"),
    ("solver.0.float_phase", {"batch_size": 2}, r"^solver\[0\]\.float_phase: give either 'epochs' or 'iterations'"),
    ("sources.boxes", {"type": "CocoBoxes", "images": "x"}, r"^tasks\.det\.train\[0\]: 'annotations' is missing"),
    ("tasks.det.nodes.2", {"type": "PerLocationDetectionHead"}, r"^tasks\.det\.nodes\[2\]: 'name' is missing"),
    # names of nothing
    ("tasks.det.train", ["boxs"], r"^tasks\.det\.train\[0\]='boxs': no such name; did you mean 'boxes'"),
    ("tasks.det.nodes.0", "backbon", r"^tasks\.det\.nodes\[0\]='backbon': no such name; did you mean 'backbone'"),
    ("sources.boxes.type", "CocoBox", r"type='CocoBox': no such source; did you mean 'CocoBoxes'"),
    ("tasks.det.kind", "detect", r"^tasks\.det\.kind='detect': no such kind of task; did you mean 'detection'\?"),
    # ill-typed
    ("tasks", [1], "^tasks is empty"),
    ("tasks.det", 5, r"^tasks\.det: expected a dict, got 5"),
    ("tasks.det.classes", "person", r"^tasks\.det\.classes: expected a list, got 'person'"),
    ("tasks.det.nodes", "backbone", r"^tasks\.det\.nodes: expected a list"),
    ("tasks.det.nodes", None, r"^tasks\.det\.nodes: expected a list"),
    ("tasks.det.nodes.0", ["backbone"], r"^tasks\.det\.nodes\[0\]=\['backbone'\]: no such name"),
    ("tasks.det.nodes.2.inputs", 3, r"^tasks\.det\.nodes\[2\]\.inputs: expected a list, got 3"),
    ("tasks.det.train", 7, r"^tasks\.det\.train: expected a list, got 7"),
    ("nodes", [], "^nodes: expected a dict"),
    ("sources.boxes", 1, r"^sources\.boxes: expected a dict, got 1"),
    ("env.workers", "two", r"^env\.workers='two': expected int"),
    ("env.workers", -1, r"^env: workers=-1: expected 0 or more"),
    ("env.threads", -1, r"^env: threads=-1: expected 0 or more"),
    ("env.shuffle_chunk_size", -1, r"^env: shuffle_chunk_size=-1: expected 0 or more"),
    ("env.max_bad_images", 1.5, r"^env: max_bad_images=1.5: expected a share in 0..1"),
    ("env.log_interval", 0, r"^env: log_interval=0: expected a number above 0"),
    ("env.amp", "fp16", r"^env\.amp='fp16': expected one of 'auto', 'bf16', 'off'"),
    ("samples_per_epoch", 0, "^samples_per_epoch=0"),
    ("data_root", 3, "^data_root=3: expected str"),
    # values that cannot work
    ("tasks.det.classes", ["a", "a"], "a class is named twice"),
    ("tasks.seg.boxes", {}, "'boxes' goes with kind='detection'"),
    ("tasks.det.image_label", {"temperature": 2.0}, "'image_label' goes with kind='classification', and this task has kind='detec"),
    # of another kind of task
    ("tasks.seg.loss", {"type": "DetectionLoss"},
     r"^tasks\.seg\.loss\.type='DetectionLoss': is for kind='detection', and the task has kind='segmentation'; expected Segme"),
    ("tasks.det.nodes.2.type", "ClassificationHead",
     r"^tasks\.det\.nodes\[2\]\.type='ClassificationHead': is for kind='classification', .*; expected PerLocationDetectionHead$"),
    ("tasks.det.train", ["masks"], r"^tasks\.det\.train\[0\]: source 'masks' \(MaskFolder\) is for kind='segm.*; expected CocoBoxes$"),
    ("sources.masks", {"type": "SyntheticScenes", "root": "x", "num": 1, "seed": 1, "labels": "time"},
     r"^tasks\.seg\.train\[0\]: labels='time' of source 'masks' is for kind='cl.*; expected labels='seg' or labels='lane'"),
    ("tasks.seg.auxiliary", [{"node": {"name": "x", "type": "PerLocationDetectionHead"}}],
     r"^tasks\.seg\.auxiliary\[0\]\.node\.type='PerLocationDetectionHead': is for kind='detection'"),
    ("tasks.seg.auxiliary", [{"node": {"name": "x", "type": "FCNHead"}, "loss": {"type": "ClassificationLoss"}}],
     r"^tasks\.seg\.auxiliary\[0\]\.loss\.type='ClassificationLoss': is for kind='classification'"),
    ("solver.0.float_phase.optimizer.lr", -1.0, r"^solver\[0\]\.float_phase\.optimizer: lr=-1.0"),
    ("solver.0.float_phase.optimizer.lr", math.nan, r"lr=nan"),
    ("solver.0.float_phase.iterations", 0, "iterations=0: expected a number above 0"),
    ("solver.0.float_phase.epochs", 2, "give either 'epochs' or 'iterations'"),
    ("solver.3.quant_phase", {"iterations": 1}, r"^solver\[3\]: step 3 converts to integers"),
    ("solver.1.float_phase", {"iterations": 1}, r"^solver\[1\]\.float_phase: only step 0 trains in float"),
    ("solver.1.prefix", "with-bn", "two steps have the prefix 'with-bn'"),
    ("solver.1.prefix", "a/b", r"^solver\[1\]: prefix 'a/b': letters, digits"),
    ("fusion_bn_patterns", {"3": ["nodes.*"]}, r"^fusion_bn_patterns\[3\]: BN is folded at steps 1 and 2"),
    ("fusion_bn_patterns", {"1": "nodes.*"}, r"^fusion_bn_patterns\.1: expected a list"),
    ("deploy_geometry", {"resized_hw": [60, 96], "input_hw": [60, 96], "stride": 32},
     r"^deploy_geometry: input_hw=\(60, 96\): height 60.* pad to 64"),
    ("quantization", {"weight_bits": 3}, r"weight_bits=3"),
    ("loss_balance", "equal", "^loss_balance='equal': expected one of 'fixed', 'uncertainty'"),
    ("tasks.det.loss.weight", -1.0, r"^tasks\.det\.loss: weight=-1.0"),
    # more than any training means, or than a machine has
    ("env.workers", 10**9, r"^env: workers=1000000000: at most 4,096"),
    ("env.threads", 10**9, r"^env: threads=1000000000: at most 4,096"),
    ("env.seed", 2**32, r"^env: seed=4294967296: at most 4,294,967,295"),
    ("env.cache_mb", 2**31, r"^env: cache_mb=2147483648: at most"),
    ("solver.0.float_phase", {"epochs": 1e308}, r"^solver\[0\]\.float_phase: epochs=1e\+308: at most 1,000,000"),
    ("solver.0.float_phase.iterations", 10**12, "iterations=1000000000000: at most"),
    ("solver.0.float_phase.batch_size", 10**9, "batch_size=1000000000: at most"),
    ("solver.0.float_phase.optimizer.lr", 1e38, r"^solver\[0\]\.float_phase\.optimizer: lr=1e\+38: at most 1,000,000"),
    ("samples_per_epoch", 10**9, "^samples_per_epoch=1000000000: at most 10,000,000"),
    ("train_geometry.crop_hw", [3200000, 3200000], r"crop_hw=\(3200000, 3200000\).*at most 40,000,000 pixels"),
    ("train_geometry.scale_range", [1e-9, 1e-9], r"scale_range=\(1e-09, 1e-09\) must be"),
    ("train_geometry.scale_range", [1.0, 1e9], r"scale_range=\(1\.0, 1000000000\.0\) must be"),
    ("deploy_geometry.input_hw", [32768, 32768], r"^deploy_geometry: input_hw=\(32768, 32768\): .*at most 40,000,000 pixels"),
    ("deploy_geometry.resized_hw", [-1, 96], r"^deploy_geometry: resized_hw=\(-1, 96\): expected sides above 0"),
    ("deploy_geometry.stride", 0, r"^deploy_geometry: stride=0"),
    ("photometric", {"gamma": 1e308}, r"gamma=1e\+308"),
    ("tasks.det.boxes", {"top_k": 10**18}, "top_k=1000000000000000000: must be 1 or more, and at most"),
    ("tasks.seg.classes", [f"c{i}" for i in range(300)], "300 classes; a segmentation task has 255 at most"),
    ("sources.masks", {"type": "SyntheticScenes", "root": "x", "num": 10**9, "seed": 1, "labels": "seg"}, "num=1000000000 scenes"),
    ("sources.masks", {"type": "SyntheticScenes", "root": "x", "num": 1, "seed": 1, "labels": "seg", "size_hw": [10**6, 10**6]},
     "source 'masks': size_hw=1000000x1000000: .*at most 40,000,000 pixels"),
    ("solver.0.float_phase.optimizer.weight_decay", math.inf, "weight_decay=inf: expected a finite number"),
    ("tasks.seg.labels", {"logit_exponent": -3}, r"labels\.logit_exponent: it follows from the network's integers; remove it"),
    # the export input and detection belong together
    ("int_inference_export_input_shape", {"image": [1, 3, 64, 96]}, "detection tasks need 'im_hw'.*add im_hw"),
    ("int_inference_export_input_shape", {"format": "nv12", "layout": "nhwc"}, r"layout=nhwc: an image of format nv12 is two planes"),
    ("int_inference_export_input_shape.im_hw", [2, 1], r"im_hw=\(2, 1\): its shape is \(1, 2\)"),
    ("int_inference_export_input_shape.image", [1, 3, 32, 96],
     r"deploy_geometry\.input_hw makes it \(1, 3, 64, 96\).*write image=None"),
])
def test_a_fault_is_one_line_that_names_its_key(values, place, value, message):
    with pytest.raises(UserError, match=message) as caught:
        config_from_dict(put(values, place, value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [None, {}, {"image": None}, {"format": "nv12"}, {"im_hw": [1, 2]}])
def test_shapes_of_the_export_that_are_not_given_follow_from_the_rest(values, given):
    changed = {key: value for key, value in values.items() if key != "int_inference_export_input_shape"}
    config = config_from_dict(changed if given is None else {**changed, "int_inference_export_input_shape": given})
    shape = config.int_inference_export_input_shape
    assert (shape.image, shape.im_hw, shape.crop_xy) == ((1, 3, *HW), (1, 2), None)
    assert shape.format == (given or {}).get("format", "bgr")


def test_a_crop_s_window_is_an_input_only_of_boxes(tmp_path):
    window = {"input_hw": list(HW), "window": {"vanishing_point": [40, 30], "original_hw": list(HW)}}
    shapes = [config_from_dict(config_values(tmp_path, tasks, deploy_geometry=window, int_inference_export_input_shape={}))
              .int_inference_export_input_shape for tasks in (["det", "seg"], ["seg"])]
    assert [(shape.im_hw, shape.crop_xy) for shape in shapes] == [((1, 2), (1, 2)), (None, None)]


@pytest.mark.parametrize(("given", "message"), [
    ({"im_hw": [1, 3]}, r"im_hw=\(1, 3\): its shape is \(1, 2\)"),
    ({"crop_xy": [1, 2]}, r"crop_xy: only detection tasks with deploy_geometry\.window read it; remove crop_xy"),
])
def test_shapes_that_are_given_are_checked(values, given, message):
    with pytest.raises(UserError, match=message):
        config_from_dict({**values, "int_inference_export_input_shape": given})


def test_im_hw_without_detection_is_refused(tmp_path):
    values = config_values(tmp_path, ["seg"], int_inference_export_input_shape={"image": [1, 3, 64, 96], "im_hw": [1, 2]})
    with pytest.raises(UserError, match="im_hw: no detection task is left that reads it; remove im_hw"):
        config_from_dict(values)


def test_a_task_name_may_not_hold_a_dot(tmp_path):
    values = config_values(tmp_path, ["seg"])
    with pytest.raises(UserError, match=r"task 'a\.b': letters, digits"):
        config_from_dict({**values, "tasks": {"a.b": values["tasks"]["seg"]}})


def test_tasks_drops_detection_and_im_hw(values, tmp_path):
    path = write_config(tmp_path / "c.py", values)
    config = load_config(path, tasks=["seg"])
    assert [task.name for task in config.tasks] == ["seg"]
    assert config.int_inference_export_input_shape.im_hw is None
    assert config_hash(config) != config_hash(load_config(path))
    assert load_config(path, tasks=["det"]).int_inference_export_input_shape.im_hw == (1, 2)
    assert [task.name for task in load_config(path, tasks=["seg", "det"]).tasks] == ["det", "seg"]  # the config's order
    with pytest.raises(UserError, match=r"c\.py: --tasks sg: the config has no such task; did you mean 'seg'"):
        load_config(path, tasks=["sg"])


def test_options_replace_what_stands_in_the_file(values, tmp_path):
    path = write_config(tmp_path / "c.py", values)
    config = load_config(path, {"env.workers": 3, "solver.0.float_phase.iterations": 9, "nodes.backbone.width": 0.5,
                                "tasks.det.boxes.top_k": 7, "data_root": "elsewhere"})
    assert config.env.workers == 3
    assert config.solver[0].float_phase.iterations == 9
    assert config.tasks[0].nodes[0].params["width"] == 0.5
    assert config.tasks[0].boxes.top_k == 7
    assert config.resolved["env"]["workers"] == 3


@pytest.mark.parametrize(("key", "message"), [
    ("evn.workers", "--cfg-options evn.workers: unknown key; did you mean 'env'"),
    ("env.worker", r"env\.worker: unknown key; did you mean 'workers'"),
    ("nodes.backbon.width", "nodes has no 'backbon'; did you mean 'backbone'"),
    ("sources.boxs.weight", "sources has no 'boxs'; did you mean 'boxes'"),
    ("tasks.dett.weight", "tasks has no 'dett'; did you mean 'det'"),
    ("solver.9.prefix", r"--cfg-options solver\.9\.prefix: no such place"),
    ("solver.first.prefix", r"--cfg-options solver\.first\.prefix: no such place"),
    ("loss_balance.x.y", r"--cfg-options loss_balance\.x\.y: no such place|loss_balance=.*expected"),
])
def test_bad_options_are_told(values, tmp_path, key, message):
    with pytest.raises(UserError, match=message):
        load_config(write_config(tmp_path / "c.py", values), {key: 1})


def test_override_leaves_its_argument_alone(values):
    before = copy.deepcopy(values)
    del values["name"], before["name"]
    override(values, {"env.workers": 5})
    assert values == before


@pytest.mark.parametrize(("text", "message"), [
    ("tasks = dict(", "SyntaxError"),
    ("tasks = undefined_name", "undefined_name"),
    ("tasks = 1 / 0", "ZeroDivisionError"),
    ("from mmengine.config import read_base\nwith read_base():\n    from .gone import *\n", "gone"),
    ("tasks = {1, 2}", r"tasks=\{1, 2\}: a config holds texts"),
    ("tasks = dict(a=dict(kind=len))", r"tasks\.a\.kind=.*: a config holds texts"),
    ("", "tasks is empty"),
    ("\0", "c.py"),
])
def test_a_config_that_is_broken_python_is_one_line(tmp_path, text, message):
    path = tmp_path / "c.py"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def places(values, prefix=""):
    """Every dotted place of a config."""
    items = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in items:
        yield f"{prefix}{key}"
        yield from places(value, f"{prefix}{key}.")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_value_anywhere_gives_a_traceback(data):
    values = config_values(Path(HERE))
    place = data.draw(st.sampled_from(sorted(places(values))))
    value = data.draw(st.sampled_from([None, -1, 0, 1.5, True, "", "x", [], [1], ["x"], {}, {"x": 1}, math.inf, math.nan]))
    with suppress(UserError):
        config_from_dict(put(values, place, value))


def test_a_node_of_the_table_may_have_a_parameter_called_name(values):
    """The table's key is the node's name."""
    values["nodes"] = {"trunk": {"type": "Torchvision", "name": "resnet18"}}
    task = next(iter(values["tasks"].values()))
    head = {"name": "a_head", "type": "DenseSegmentationHead", "inputs": ["trunk"], "strides": [4]}
    values["tasks"] = {"seg": {**task, "kind": "segmentation", "nodes": ["trunk", head], "loss": {"type": "SegmentationLoss"}}}
    values["tasks"]["seg"] |= {"train": ["masks"], "val": ["masks"]}
    values["tasks"]["seg"].pop("boxes", None)
    values["tasks"]["seg"].pop("auxiliary", None)
    values.pop("distillation", None)
    values.pop("int_inference_export_input_shape", None)
    trunk, head = config_from_dict(values).tasks[0].nodes
    assert (trunk.name, trunk.type, dict(trunk.params)) == ("trunk", "Torchvision", {"name": "resnet18"})
    assert (head.name, head.params["num_classes"]) == ("a_head", len(task["classes"]))
