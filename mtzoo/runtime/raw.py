"""The raw maps of a file without post-processing: decoded in torch."""

import torch

from mtzoo.deploy.info import TaskInfo
from mtzoo.postprocess.prediction import to_prediction
from mtzoo.runtime.answers import Seen
from mtzoo.runtime.executors import Arrays
from mtzoo.structures import Prediction, RawOutputs


def decode_maps(name: str, task: TaskInfo, outputs: Arrays, seen: Seen) -> Prediction:
    """What a task's maps say of one image. outputs: the file's for it."""
    return to_prediction({name: raw_outputs(outputs)[name]}, [seen.to_input], [seen.original_hw], {name: task.decoder})[0]


def raw_outputs(outputs: Arrays) -> RawOutputs:
    """{"det_person.cls_s8": array} -> {"det_person": {"cls_s8": tensor}}."""
    nested: RawOutputs = {}
    for key, value in outputs.items():
        task, _, output = key.partition(".")
        nested.setdefault(task, {})[output] = torch.from_numpy(value)
    return nested
