"""The networks that tools/trunk_study.py compares, and their configs: six tasks for the latency, CamVid for the accuracy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.config.load import read_config
from mtzoo.config.overrides import override
from mtzoo.locate import find_config

DATA = "camvid/multitask"


@dataclass(frozen=True)
class Candidate:
    """config: of the six tasks at 512x960; options: of its nodes, dotted keys; towers: whether detection tasks read one tower;
    label_stride: of the segmentation logits. Label maps have one cell for 2x2 pixels, whatever the logits' stride."""

    config: str
    options: Mapping[str, Any] = field(default_factory=dict)
    towers: Literal["shared", "own"] = "shared"
    label_stride: int = 4


VARGNET, REPNET = "4pe_resize/multitask", "4pe_fast/multitask"
CANDIDATES = {
    "vargnetv2-0.5": Candidate(VARGNET),
    "vargnetv2-1.0": Candidate(VARGNET, {"nodes.backbone.width": 1.0}),
    "mobilenetv2": Candidate("4pe_resize/multitask_mobilenetv2"),
    "resnet18d": Candidate("4pe_resize/multitask_resnet18"),
    "repnet-nano": Candidate(REPNET, {"nodes.backbone.size": "nano"}),
    "repnet-small": Candidate(REPNET),
    "repnet-medium": Candidate(REPNET, {"nodes.backbone.size": "medium"}),
    "repnet-small-own-towers": Candidate(REPNET, towers="own"),
    "repnet-small-seg8": Candidate(REPNET, {"nodes.seg_tower.strides": [8], "nodes.seg_tower.inputs": ["neck"]}, label_stride=8),
    "repnet-small-conv-stem": Candidate(REPNET, {"nodes.backbone.stem": "convs"}),
    "repnet-nano-tower1": Candidate(REPNET, {"nodes.backbone.size": "nano", "nodes.det_tower.depth": 1}),
}
"""No trunk starts from published weights: all learn the same, from noise."""


def six_tasks(candidate: Candidate) -> ExperimentConfig:
    """The config whose latency is measured."""
    values = override(read_config(find_config(candidate.config)), candidate.options)
    return config_from_dict(_finished(values, candidate))


def on_camvid(candidate: Candidate, options: Mapping[str, Any]) -> ExperimentConfig:
    """The config whose accuracy is measured: data, losses and steps are those of all candidates. options: of --epochs and the like."""
    values = override(read_config(find_config(candidate.config)), candidate.options)
    data = override(read_config(find_config(DATA)), options)
    layouts = {kind: next(task["nodes"] for task in values["tasks"].values() if task["kind"] == kind)
               for kind in ("detection", "segmentation")}
    tasks = {name: {**task, "nodes": [*layouts[task["kind"]][:-1], {**layouts[task["kind"]][-1], "name": f"{name}_head"}]}
             for name, task in data["tasks"].items()}
    return config_from_dict(_finished({**data, "nodes": values["nodes"], "tasks": tasks}, candidate))


def _finished(values: dict[str, Any], candidate: Candidate) -> dict[str, Any]:
    """The config with a tower for each task, if it is to have them, and with what its logits' stride asks of its tasks."""
    tasks = {name: dict(task) for name, task in values["tasks"].items()}
    for name, task in tasks.items():
        if task["kind"] == "segmentation":
            factor = candidate.label_stride // 2
            task["labels"] = {"stride": candidate.label_stride, "upsample": factor}
            task["loss"] = {**task["loss"], "logit_upsample": factor}
        elif candidate.towers == "own":
            *trunk, _, head = task["nodes"]
            tower = {"name": f"{name}_tower", **values["nodes"]["det_tower"]}
            task["nodes"] = [*trunk, tower, {**head, "inputs": [tower["name"]]}]
    return {**values, "tasks": tasks}
