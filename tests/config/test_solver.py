import pytest

from mtzoo.config import config_from_dict
from mtzoo.config.load import read_config
from mtzoo.config.overrides import idle_overrides, override, select_tasks
from mtzoo.config.parts import whole
from mtzoo.config.solver import Multiplier, ScheduleSpec
from mtzoo.config.validation import Validation
from mtzoo.errors import UserError
from mtzoo.locate import shipped_folder
from tests.tiny import config_values

AUXILIARY = {"node": {"name": "seg_aux", "type": "DenseSegmentationHead", "inputs": ["backbone"], "strides": [8]}}


def values_with(root, multipliers, key="float_phase", tasks=("det", "seg")):
    values = config_values(root, tasks)
    values["tasks"]["seg"]["auxiliary"] = [AUXILIARY]
    values["solver"][0][key]["optimizer"]["multipliers"] = multipliers
    return values


def test_a_name_counts_before_a_pattern(tmp_path):
    multipliers = {"*": {"lr": 0.5}, "seg_head": {"weight_decay": 0}, "seg_aux": {"lr": 3}}
    optimizer = config_from_dict(values_with(tmp_path, multipliers)).solver[0].float_phase.optimizer
    found = {name: optimizer.multiplier(name) for name in ("backbone", "seg_head", "seg_aux")}
    assert found == {"backbone": Multiplier(0.5, 1.0), "seg_head": Multiplier(1.0, 0.0), "seg_aux": Multiplier(3.0, 1.0)}


@pytest.mark.parametrize(("multipliers", "key", "message"), [
    ({"backbon": {"lr": 0.1}}, "float_phase", r"solver\[0\]\.float_phase\.optimizer\.multipliers\.backbon: .*did you mean 'backbone'"),
    ({"stem*": {"lr": 0.1}}, "quant_phase", r"solver\[0\]\.quant_phase\.optimizer\.multipliers\.stem\*: .*known: backbone, det_head"),
    ({"seg_aux": {"lr": 10}}, "quant_phase", r"quant_phase\.optimizer\.multipliers\.seg_aux: no node of this phase has this name"),
    ({"seg_*": {"lr": 2}, "*_head": {"lr": 3}}, "float_phase", r"node 'seg_head' matches both 'seg_\*' and '\*_head'; name it itself"),
    ({"*": {"lr": 0}}, "float_phase", r"multipliers: lr=0 for every node, nothing would be trained"),
    ({"backbone": {"lr": -1}}, "float_phase", r"optimizer\.multipliers\.backbone: lr=-1\.0: expected a factor in 0"),
    ({"backbone": {"weight_decay": 1e9}}, "float_phase", r"multipliers\.backbone: weight_decay=1000000000\.0: expected a factor in 0"),
    ({"backbone": {"lr_mult": 0.1}}, "float_phase", r"backbone\.lr_mult: unknown key; it is called .*multipliers\.backbone\.lr'"),
    ({"backbone": 0.1}, "float_phase", r"multipliers\.backbone: expected a dict of Multiplier's keys, got 0\.1"),
])
def test_multipliers_that_mean_nothing_are_one_line(tmp_path, multipliers, key, message):
    with pytest.raises(UserError, match=message):
        config_from_dict(values_with(tmp_path, multipliers, key))


def test_the_name_of_other_toolkits_is_told(tmp_path):
    values = config_values(tmp_path)
    values["solver"][0]["float_phase"]["optimizer"]["paramwise_cfg"] = {}
    with pytest.raises(UserError, match=r"optimizer\.paramwise_cfg: unknown key; it is called .*optimizer\.multipliers' here"):
        config_from_dict(values)


@pytest.mark.parametrize(("schedule", "message"), [
    ({"warmup_ratio": 0.0}, r"warmup_ratio=0\.0: expected a share of lr in 0\.\.1, 0 excluded"),
    ({"warmup_ratio": 1.5}, r"float_phase\.schedule: warmup_ratio=1\.5"),
    ({"warmup": "cosine"}, r"float_phase\.schedule\.warmup"),
    ({"warmup_iters": 1000}, r"schedule\.warmup_iters: unknown key; it is called .*schedule\.warmup_iterations' here"),
])
def test_warm_ups_that_mean_nothing_are_one_line(tmp_path, schedule, message):
    values = config_values(tmp_path)
    values["solver"][0]["float_phase"]["schedule"] = schedule
    with pytest.raises(UserError, match=message):
        config_from_dict(values)


def test_the_solver_of_published_recipes(tmp_path):
    (tmp_path / "common").symlink_to(shipped_folder("configs") / "common")
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "net.py").write_text(
        "from mmengine.config import read_base\n\nwith read_base():\n    from ..common.schedules import _sgd_poly\n\n"
        "solver = _sgd_poly(iterations=160_000, lr=0.05, weight_decay=5e-4, warmup_iterations=1000, warmup_ratio=0.002)\n")
    values = config_values(tmp_path) | {"solver": read_config(tmp_path / "zoo" / "net.py")["solver"]}
    steps = config_from_dict(values).solver
    phase = steps[0].float_phase
    assert (phase.iterations, phase.batch_size, phase.optimizer.type, phase.optimizer.weight_decay) == (160_000, 8, "SGD", 5e-4)
    assert phase.schedule == ScheduleSpec("poly", warmup_iterations=1000, warmup_ratio=0.002)
    found = [(p.iterations, p.optimizer.lr, p.schedule.warmup_iterations) for p in (step.quant_phase for step in steps[:3])]
    assert found == [(8000, pytest.approx(5e-3), 0), (4000, pytest.approx(2.5e-3), 0), (4000, pytest.approx(1.25e-3), 0)]


def test_with_fewer_tasks_the_multipliers_of_the_others_nodes_go(tmp_path):
    multipliers = {"det_head": {"lr": 2}, "seg_*": {"lr": 3}, "backbone": {"lr": 0.1}}
    values = values_with(tmp_path, multipliers)
    alone = config_from_dict(select_tasks(values, ["det"]))
    assert set(alone.solver[0].float_phase.optimizer.multipliers) == {"det_head", "backbone"}
    alone = config_from_dict(select_tasks(values, ["seg"]))
    assert set(alone.solver[0].float_phase.optimizer.multipliers) == {"seg_*", "backbone"}
    values["solver"][0]["float_phase"]["optimizer"]["multipliers"]["nobody"] = {"lr": 1}
    with pytest.raises(UserError, match=r"multipliers\.nobody: no node"):
        config_from_dict(select_tasks(values, ["det"]))


def test_an_override_reaches_a_multiplier_and_a_node_of_the_table_an_auxiliary_head(tmp_path):
    values = values_with(tmp_path, {"backbone": {"lr": 0.1}})
    values["nodes"]["extra"] = {key: value for key, value in AUXILIARY["node"].items() if key != "name"}
    values["tasks"]["seg"]["auxiliary"] = [{"node": "extra"}, {"node": {**values["nodes"]["extra"], "name": "copied"}}]
    options = {"solver.0.float_phase.optimizer.multipliers.backbone.lr": 0.5, "nodes.extra.channels": 16}
    config = config_from_dict(override(values, options))
    assert config.solver[0].float_phase.optimizer.multiplier("backbone").lr == 0.5
    assert [head.node.params["channels"] for head in config.tasks[1].auxiliary] == [16, 16]
    assert config.tasks[1].auxiliary[0].node.params["num_classes"] == 3
    assert idle_overrides(values, options, build=config_from_dict, part=whole, verb="config") == []


@pytest.mark.parametrize(("ema", "message"), [
    ({"decay": 1.0}, r"float_phase\.ema: decay=1\.0: expected a share between 0 and 1"),
    ({"warmup_iterations": -1}, r"float_phase\.ema: warmup_iterations=-1"),
    ({"tau": 2000}, r"ema\.tau: unknown key; it is called .*ema\.warmup_iterations'"),
])
def test_an_average_that_cannot_be_is_told(tmp_path, ema, message):
    values = config_values(tmp_path)
    values["solver"][0]["float_phase"]["ema"] = ema
    with pytest.raises(UserError, match=message):
        config_from_dict(values)


@pytest.mark.parametrize(("validation", "message"), [
    ({}, r"float_phase\.validation: give either 'every_epochs' or 'every_iterations'"),
    ({"every_epochs": 1, "every_iterations": 1}, "give either 'every_epochs' or 'every_iterations'"),
    ({"every_epochs": 1, "patience": 0}, "patience=0: expected a number above 0"),
    ({"every_epochs": 1, "metric": {"sge/mIoU": 1}}, r"solver\[0\]\.float_phase\.validation\.metric: 'sge/mIoU' is of no task.*'seg'"),
    ({"every_epochs": 1, "metric": {"seg/AP": 1}}, "metric: 'seg/AP' is not a metric of the task"),
    ({"every_epochs": 1, "metric": {"seg/IoU/thnig": 1}}, r"'seg/IoU/thnig' is not a metric of the task.*'IoU/thing'"),
    ({"every_epochs": 1, "metric": {"seg/mIoU": 0}}, r"metric\.seg/mIoU=0\.0: expected a weight above 0"),
    ({"every_epochs": 1, "save_best": "auto"}, r"save_best: unknown key; it is called .*validation\.metric'"),
])
def test_a_validation_that_cannot_be_is_told(tmp_path, validation, message):
    values = config_values(tmp_path)
    values["solver"][0]["float_phase"]["validation"] = validation
    with pytest.raises(UserError, match=message):
        config_from_dict(values)


def test_what_judges_a_validation_follows_the_tasks(tmp_path):
    values = config_values(tmp_path)
    values["solver"][0]["float_phase"]["validation"] = {"every_epochs": 1, "metric": {"seg/IoU/thing": 2, "det/AP50": 1}}
    assert config_from_dict(select_tasks(values, ["det"])).solver[0].float_phase.validation.metric == {"det/AP50": 1.0}
    assert Validation(every_epochs=1).weights({"det": "detection", "seg": "segmentation"}) == {"det/AP": 1.0, "seg/mIoU": 1.0}
