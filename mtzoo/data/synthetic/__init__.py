"""Synthetic road scenes: the embedded default data, right labels for all six tasks."""

from mtzoo.data.synthetic.labels import CATEGORIES, LANE_CLASSES, SEG_CLASSES, Scene, SceneObject
from mtzoo.data.synthetic.scene import render_scene

__all__ = ["CATEGORIES", "LANE_CLASSES", "SEG_CLASSES", "Scene", "SceneObject", "render_scene"]
