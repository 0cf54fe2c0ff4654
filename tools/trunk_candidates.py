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
    labels: of the segmentation tasks, None for the config's; pretrained: whether the training starts from ImageNet weights of its
    backbone."""

    config: str
    options: Mapping[str, Any] = field(default_factory=dict)
    towers: Literal["shared", "own"] = "shared"
    labels: Mapping[str, int] | None = None
    pretrained: bool = False


VARGNET, REPNET, FINE = "4pe_resize/multitask", "4pe_fast/multitask", "4pe_fast/multitask_fine"
CANDIDATES = {
    "vargnetv2-0.5": Candidate(VARGNET),
    "vargnetv2-1.0": Candidate(VARGNET, {"nodes.backbone.width": 1.0}),
    "mobilenetv2": Candidate("4pe_resize/multitask_mobilenetv2"),
    "mobilenetv2-imagenet": Candidate("4pe_resize/multitask_mobilenetv2", pretrained=True),
    "resnet18d": Candidate("4pe_resize/multitask_resnet18"),
    "repnet-nano": Candidate("4pe_fast/multitask_nano"),
    "repnet-small": Candidate(REPNET),
    "repnet-medium": Candidate("4pe_fast/multitask_medium"),
    "repnet-small-fine": Candidate(FINE),
    "repnet-small-fine-own-towers": Candidate(FINE, towers="own"),
    "repnet-small-fine-conv-stem": Candidate(FINE, {"nodes.backbone.stem": "convs"}),
    "repnet-small-seg8": Candidate(FINE, {"nodes.seg_tower.strides": [8], "nodes.seg_tower.inputs": ["neck"]},
                                   labels={"stride": 8, "upsample": 4}),
    "repnet-nano-tower1": Candidate("4pe_fast/multitask_nano", {"nodes.det_tower.depth": 1}),
}
"""All learn the same; from random weights, but for those that say otherwise."""


def six_tasks(candidate: Candidate) -> ExperimentConfig:
    """The config whose latency is measured."""
    values = override(read_config(find_config(candidate.config)), candidate.options)
    return config_from_dict(_finished(values, candidate))


def on_camvid(candidate: Candidate, options: Mapping[str, Any], imagenet: str = "imagenet") -> ExperimentConfig:
    """The config whose accuracy is measured: data, losses and steps are those of all candidates. options: of --epochs and the like;
    imagenet: the backbone's `weights` of a pretrained candidate."""
    weights = {"nodes.backbone.weights": imagenet} if candidate.pretrained else {}
    values = override(read_config(find_config(candidate.config)), {**candidate.options, **weights})
    data = override(read_config(find_config(DATA)), options)
    layouts = {task["kind"]: task for task in reversed(values["tasks"].values())}
    tasks = {}
    for name, task in data["tasks"].items():
        layout = layouts[task["kind"]]
        *others, head = layout["nodes"]
        tasks[name] = {**task, "nodes": [*others, {**head, "name": f"{name}_head"}]}
        if task["kind"] == "segmentation":
            tasks[name]["labels"] = layout.get("labels", {})
    return config_from_dict(_finished({**data, "nodes": values["nodes"], "tasks": tasks}, candidate))


def _finished(values: dict[str, Any], candidate: Candidate) -> dict[str, Any]:
    """The config with a tower for each task, if it is to have them, and with the candidate's label maps.

    The loss compares logits with labels at stride 2, whatever the label maps' stride.
    """
    tasks = {name: dict(task) for name, task in values["tasks"].items()}
    for name, task in tasks.items():
        if task["kind"] == "segmentation":
            labels = task.get("labels", {}) if candidate.labels is None else candidate.labels
            task["labels"] = {"stride": 4, "upsample": 2, **labels}
            task["loss"] = {**task["loss"], "logit_upsample": task["labels"]["stride"] // 2}
        elif candidate.towers == "own":
            *trunk, _, head = task["nodes"]
            tower = {"name": f"{name}_tower", **values["nodes"]["det_tower"]}
            task["nodes"] = [*trunk, tower, {**head, "inputs": [tower["name"]]}]
    return {**values, "tasks": tasks}
