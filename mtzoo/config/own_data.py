"""A config for a data set that `mtzoo data convert` wrote: a detection task, a segmentation task for each kind of mask, and a
classification task for each kind of label of whole images, of those that it has."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtzoo.config.own_network import SCRATCH, OwnNetwork, own_network, python_text
from mtzoo.data.images import IMAGE_SUFFIXES, upright_hw
from mtzoo.data.json_file import read_json
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.errors import UserError
from mtzoo.task_kind import ByKind, task_kind

RECEIPT = "convert.json"
MOST_PIXELS = 512 * 960
"""Of an image as the network sees it; larger images are shrunk."""
STRIDE = 32
SIZED_IMAGES = 200
ITERATIONS, BATCH_SIZE = 4000, 8
LEAST_EPOCHS, MOST_EPOCHS = 20, 300
BOXES, MASKS = "boxes", ("seg", "lane", "drivable")
SCRATCH_RATE = "lr=2e-3"
TRAINED_RATE = "lr=1e-3, multipliers=dict(backbone=dict(lr=0.25))"
"""Of the float phase's optimizer, from random and from trained weights."""
SOLVER = """_adamw = dict(type="AdamW", lr=2e-3, weight_decay=0.02)
_cosine = dict(type="cosine", warmup_iterations=100)
solver = [
    dict(prefix="with-bn",
         float_phase=dict(epochs={epochs}, batch_size={batch_size}, optimizer=dict(_adamw, {rate}), schedule=_cosine),
         quant_phase=dict(epochs={fine}, batch_size={batch_size}, optimizer=dict(_adamw, lr=2e-4), schedule=_cosine)),
    dict(prefix="fusion-bn-c1",
         quant_phase=dict(epochs={fine}, batch_size={batch_size}, optimizer=dict(_adamw, lr=1e-4), schedule=_cosine)),
    dict(prefix="fusion-bn-c2",
         quant_phase=dict(epochs={fine}, batch_size={batch_size}, optimizer=dict(_adamw, lr=5e-5), schedule=_cosine)),
    dict(prefix="int-inference"),
]
quantization = {quantization}
fusion_bn_patterns = {{1: {first}, 2: ["nodes.*"]}}
loss_balance = "fixed"
env = dict(default_ctx="auto", workers=2, seed=0, amp="auto")
pipeline_test = dict(iterations=6, batch_size=2)
"""


@dataclass(frozen=True)
class Written:
    """How the data of a task of one kind stand in the config. source: their type; labels_key: of the source, what names the labels;
    further: lines of the task; separator: of the source's rows."""

    source: str
    labels_key: str
    further: str = ""
    separator: str = ""


WRITTEN = ByKind({
    "detection": Written("CocoBoxes", "annotations",
                         "        boxes=dict(score_threshold=0.05, pre_nms_top_k=200, nms_iou=0.6, top_k=100),\n"),
    "segmentation": Written("MaskFolder", "masks"),
    "classification": Written("LabelList", "pairs", separator="\t"),
})
"""Kind of task -> how one stands there."""


@dataclass(frozen=True)
class OwnTask:
    """kind: of `mtzoo.task_kind`; labels: the file or folder of them in each split."""

    name: str
    kind: str
    labels: str
    classes: tuple[str, ...]


def read_receipt(data: Path) -> Mapping[str, Any]:
    """What a conversion says of the set in `data`. Raises UserError for a folder that none wrote."""
    receipt = read_json(data / RECEIPT, "receipt of `mtzoo data convert`", "convert the data set first")
    if not isinstance(receipt, Mapping) or not isinstance(receipt.get("mask_classes"), Mapping):
        raise UserError(f"{data / RECEIPT}: no receipt of `mtzoo data convert`; convert the data set first")
    return receipt


def config_text(data: Path, load_from: str | None = None, trained: Mapping[str, Any] = SCRATCH) -> str:
    """Python text of a config that trains on the converted set in `data`; it holds all that can be changed.

    load_from: the float weights that it starts from, random ones if None; trained: the config, as plain data, of their network.
    Raises UserError for a folder that no conversion wrote, for a set without a class to learn, and for a network that cannot have the
    set's tasks.
    """
    receipt = read_receipt(data)
    tasks = [task for task in own_tasks(receipt) if not missing_split(task, data)]
    if not tasks:
        raise UserError(f"{data}: no class with a labelled object, and neither masks nor images of two classes or more, in both train "
                        "and val; there is nothing to train")
    network = own_network(trained, [task.kind for task in tasks], load_from or "")
    return "\n".join([_head(data, load_from), _sources(tasks), _nodes(network), _tasks(tasks, network), _geometry(data),
                      _solver(receipt, network, load_from)])


def own_tasks(receipt: Mapping[str, Any]) -> list[OwnTask]:
    """What a converted set can train: the categories it has objects of, and masks and images of two classes or more."""
    counts = receipt.get(BOXES) or {}
    categories = tuple(name for name in receipt.get("categories") or () if name != IGNORE_CATEGORY and counts.get(name))
    tasks = [OwnTask("det", "detection", "boxes.json", categories)] if categories else []
    tasks += [OwnTask(kind, "segmentation", kind, tuple(receipt["mask_classes"][kind]))
              for kind in MASKS if len(receipt["mask_classes"].get(kind, ())) > 1]
    return tasks + [OwnTask(task, "classification", f"{task}.tsv", tuple(names))
                    for task, names in (receipt.get("image_classes") or {}).items() if len(names) > 1]


def missing_split(task: OwnTask, data: Path) -> str:
    """The split that has no label for a task, or ""."""
    return next((split for split in ("train", "val") if not (data / split / task.labels).exists()), "")


def _head(data: Path, load_from: str | None) -> str:
    start = f"load_from = {json.dumps(load_from)}  # its licence is that of the images it was trained on\n" if load_from else ""
    return f'''"""Written by `mtzoo train --data`: edit it, and train with it again: mtzoo train --config THIS_FILE."""

data_root = {json.dumps(str(data.resolve()))}
{start}'''


def _sources(tasks: Sequence[OwnTask]) -> str:
    rows = []
    for task in tasks:
        own = WRITTEN[task.kind]
        how = (f"separator={json.dumps(own.separator)}, " if own.separator else "") + "follow_links=True"
        rows += [f'    {task.name}_{split}=dict(type="{own.source}", images="{{data_root}}/{split}/images",\n'
                 f'        {own.labels_key}="{{data_root}}/{split}/{task.labels}", {how}),' for split in ("train", "val")]
    return "sources = dict(\n" + "\n".join(rows) + "\n)\n"


def _nodes(network: OwnNetwork) -> str:
    return "nodes = dict(\n" + "".join(f"    {name}={python_text(spec)},\n" for name, spec in network.nodes.items()) + ")\n"


def _tasks(tasks: Sequence[OwnTask], network: OwnNetwork) -> str:
    texts = []
    for task in tasks:
        kind, head = task_kind(task.kind), network.heads[task.kind]
        labels = f"        labels={python_text(head.labels)},\n" if head.labels else ""
        texts.append(f'''    {task.name}=dict(
        kind="{task.kind}",
        classes={json.dumps(list(task.classes), ensure_ascii=False)},
        nodes=[{', '.join(map(python_text, head.shared))},
               {python_text({"name": f"{task.name}_head", **head.spec})}],
        train=["{task.name}_train"], val=["{task.name}_val"], loss={python_text({"type": kind.loss, "weight": 1.0, **head.loss})},
{labels}{WRITTEN[task.kind].further}    ),''')
    return "tasks = dict(\n" + "\n".join(texts) + "\n)\n"


def _geometry(data: Path) -> str:
    """The middle of the images' sizes, shrunk to what the network sees."""
    paths = [path for path in sorted((data / "train" / "images").rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES]
    sizes = sorted(map(upright_hw, paths[::max(len(paths) // SIZED_IMAGES, 1)]), key=lambda hw: hw[0] * hw[1])
    if not sizes:
        raise UserError(f"{data / 'train' / 'images'}: no image in it; convert the data set again")
    height, width = seen_hw(sizes[len(sizes) // 2])
    padded = [math.ceil(side / STRIDE) * STRIDE for side in (height, width)]
    return f'''# height, width: what most images of the set come to; the network sees sides that are multiples of {STRIDE}
train_geometry = dict(resize_hw={sorted((height, width))}, crop_hw={padded}, scale_range=[0.75, 1.5])
deploy_geometry = dict(resized_hw=[{height}, {width}], drop_top=0, input_hw={padded})
'''


def seen_hw(hw: tuple[int, int]) -> tuple[int, int]:
    """The size that images of `hw` are shrunk to, (1080, 1920) -> (526, 935); small ones stay."""
    scale = min(math.sqrt(MOST_PIXELS / (hw[0] * hw[1])), 1.0)
    return max(int(hw[0] * scale), 1), max(int(hw[1] * scale), 1)


def _solver(receipt: Mapping[str, Any], network: OwnNetwork, load_from: str | None) -> str:
    images = max(int((receipt.get("images") or {}).get("train", 1)), 1)
    epochs = min(max(math.ceil(ITERATIONS * BATCH_SIZE / images), LEAST_EPOCHS), MOST_EPOCHS)
    return SOLVER.format(first=python_text(network.first_fold), epochs=epochs, fine=max(epochs // 8, 1),
                         batch_size=min(images, BATCH_SIZE), rate=TRAINED_RATE if load_from else SCRATCH_RATE,
                         quantization=python_text(network.quantization))
