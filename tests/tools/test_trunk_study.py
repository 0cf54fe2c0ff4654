"""tools/trunk_study.py: the candidates' configs, and the table of what was measured."""

import json
from xml.etree import ElementTree

import pytest

from mtzoo.engine.stages import config_network

MODULES = ("trunk_candidates", "trunk_study", "trunk_table")


@pytest.fixture
def tool(load_tool):
    return load_tool("trunk_study")


def nodes_of(config):
    return {task.name: [node.name for node in task.nodes] for task in config.tasks}


def test_all_candidates_are_configs_of_six_tasks_and_of_camvid_with_equal_steps(tool):
    args = tool.parser().parse_args(["train", "--out", "x", "--epochs", "7"])
    six = {name: tool.six_tasks(candidate) for name, candidate in tool.CANDIDATES.items()}
    assert {tuple(task.name for task in config.tasks) for config in six.values()} == {
        ("det_cyclist_light", "det_person", "det_rear", "det_vehicle_sign", "seg_default", "seg_lane")}
    camvid = {name: tool.camvid_config(name, args) for name in tool.CANDIDATES}
    equal = ("solver", "sources", "train_geometry", "samples_per_epoch", "photometric")
    assert len({json.dumps([config.resolved.get(key) for key in equal]) for config in camvid.values()}) == 1
    assert camvid["mobilenetv2"].solver[0].float_phase.epochs == 7
    assert camvid["mobilenetv2"].tasks[0].nodes[0].type == six["mobilenetv2"].tasks[0].nodes[0].type == "Torchvision"
    strides = [{name: task.decoder.map_stride for name, config in configs.items() for task in config.tasks
                if task.kind == "segmentation"} for configs in (six, camvid)]
    assert strides[0] == strides[1]
    assert strides[0]["vargnetv2-0.5"] == strides[0]["repnet-small-fine"] == strides[0]["repnet-small-seg8"] == 2
    assert strides[0]["repnet-small"] == strides[0]["repnet-nano"] == 4
    # The loss compares with labels at stride 2 in every network.
    assert {task.decoder.stride // task.loss.params["logit_upsample"] for config in camvid.values() for task in config.tasks
            if task.kind == "segmentation"} == {2}


def test_only_the_training_of_a_pretrained_candidate_needs_its_weights(tool):
    args = tool.parser().parse_args(["train", "--out", "x", "--imagenet", "some.pt"])
    weights = [config.resolved["nodes"]["backbone"].get("weights") for config in (
        tool.camvid_config("mobilenetv2-imagenet", args), tool.six_tasks(tool.CANDIDATES["mobilenetv2-imagenet"]),
        tool.camvid_config("mobilenetv2", args))]
    assert weights == ["some.pt", None, None]


def test_what_a_candidate_says_of_towers_and_strides(tool):
    args = tool.parser().parse_args(["train", "--out", "x"])
    own = nodes_of(tool.camvid_config("repnet-small-fine-own-towers", args))
    assert own["det_person"] == ["backbone", "neck", "det_person_tower", "det_person_head"]
    assert own["seg_default"] == ["backbone", "neck", "seg_tower", "seg_default_head"]
    assert nodes_of(tool.camvid_config("repnet-small", args))["det_person"] == ["backbone", "neck", "det_tower", "det_person_head"]
    seg8 = tool.camvid_config("repnet-small-seg8", args)
    assert seg8.tasks[-1].loss.params["logit_upsample"] == seg8.tasks[-1].decoder.upsample == 4
    assert config_network(seg8).nodes["seg_tower"].out_specs[0].stride == 8


def test_costs_are_those_of_the_deployed_form(tool):
    found = tool.costs("repnet-nano")
    assert 1.0e9 < found["macs"] < 1.1e9
    assert found["parameters"] < 0.6e6  # 659,813 with the branches


METRICS = {"seg_default/mIoU": 1.0, "seg_default/val/mIoU": 50.0, "seg_default/test/mIoU": 40.0,
           "det_person/val/AP50": 20.0, "det_person/val/AP50/person": 20.0, "det_person/test/AP50/person": 10.0,
           "det_vehicle_sign/val/AP50/vehicle": 60.0, "det_vehicle_sign/val/AP50/sign": None,
           "det_vehicle_sign/test/AP50/vehicle": 30.0, "det_vehicle_sign/test/AP50/sign": 2.0}


def test_the_table_holds_what_is_there(tool, tmp_path, capsys):
    def write(name, values):
        (tmp_path / name).write_text(json.dumps(values))

    costs = {"parameters": 1234, "macs": 2_500_000_000, "seconds": 61.2}
    write("repnet-nano.json", {"name": "repnet-nano", "float": METRICS, **costs})
    times = {precision: {"median": ms} for precision, ms in (("fp32", 9.0), ("bf16", 6.5), ("int8", 3.25))}
    write("repnet-nano-latency.json", {"name": "repnet-nano", "ms": {"2": times}})
    write("repnet-small-latency.json", {"name": "repnet-small", "ms": {"2": {"int8": {"median": 5.5}}}})
    assert tool.main(["table", "--out", str(tmp_path)]) == 0
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert lines == capsys.readouterr().out.splitlines()
    assert lines[2] == "| repnet-nano | 1,234 | 2.50 | 61 | 50.0 | 40.0 | 40.0 | 14.0 | - | - | - | - | 9.00 | 6.50 | 3.25 |"
    assert lines[3].endswith("| - | - | 5.50 |")
    drawn = ElementTree.parse(tmp_path / "accuracy_latency.svg").getroot()
    axes = [node for node in drawn.iter() if node.get("id", "").startswith("axes_")]
    dots = [line for plot in axes for line in plot if line.get("id", "").startswith("line2d")]
    assert len(dots) == 4  # one network with both, four scores


def test_a_candidate_that_has_its_file_is_not_trained_again(tool, tmp_path, monkeypatch, capsys):
    args = tool.parser().parse_args(["train", "--out", str(tmp_path)])
    (tmp_path / "repnet-nano.json").write_text(json.dumps({"settings": tool.settings(args, quantize=False)}))
    started = []
    monkeypatch.setattr(tool, "in_own_process", lambda name, args: bool(started.append(name)))
    names = ["--only", "repnet-nano", "repnet-small"]
    assert tool.main(["train", "--out", str(tmp_path), *names]) == 0
    assert started == ["repnet-small"]
    assert tool.main(["train", "--out", str(tmp_path), *names, "--epochs", "3"]) == 0
    assert started == ["repnet-small", "repnet-nano", "repnet-small"]  # other settings are another comparison
    assert tool.main(["table", "--out", str(tmp_path / "other")]) == 2
    assert "run `train` or `latency` first" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["latency"], ["train", "--only", "mobilenetv2"]])
def test_weights_that_nothing_starts_from_are_told(tool, tmp_path, capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        tool.main([*arguments, "--out", str(tmp_path), "--imagenet", "some.pt"])
    assert ended.value.code == 2
    assert "--imagenet some.pt changes nothing" in capsys.readouterr().err
