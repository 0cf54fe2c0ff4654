"""From label files and images to batches: sources -> groups -> dataset -> pipeline -> loader."""

from mtzoo.data.dataset import EvalDataset, EvalSet, MultiTaskDataset, eval_sets
from mtzoo.data.geometry import TrainGeometry
from mtzoo.data.loader import EvalBatch, Loader, collate, collate_eval, make_eval_loader, make_loader
from mtzoo.data.photometric import Photometric
from mtzoo.data.pipeline import EvalPipeline, TrainPipeline
from mtzoo.data.sampler import SampleIndex, WeightedEpochSampler
from mtzoo.data.sources import SOURCES, CocoBoxes, Fault, MaskFolder, MaskList, Source, SyntheticScenes, TaskData

__all__ = ["SOURCES", "CocoBoxes", "EvalBatch", "EvalDataset", "EvalPipeline", "EvalSet", "Fault", "Loader", "MaskFolder",
           "MaskList", "MultiTaskDataset", "Photometric", "SampleIndex", "Source", "SyntheticScenes", "TaskData", "TrainGeometry",
           "TrainPipeline", "WeightedEpochSampler", "collate", "collate_eval", "eval_sets", "make_eval_loader", "make_loader"]
