"""Synthetic road scenes: the embedded default data, right labels for all six tasks."""

from mtzoo.data.synthetic.labels import CATEGORIES, LANE_CLASSES, SEG_CLASSES, Scene, SceneObject
from mtzoo.data.synthetic.scene import render_scene
from mtzoo.data.synthetic.writer import write_dataset

__all__ = ["CATEGORIES", "LANE_CLASSES", "SEG_CLASSES", "Scene", "SceneObject", "render_scene", "write_dataset"]
