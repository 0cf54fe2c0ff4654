"""Data sets of published formats -> the one layout that configs/converted reads. One file per format."""

from mtzoo.data.convert import (
    bdd100k,
    camvid,
    cityscapes,
    coco_subset,
    culane,
    idd,
    kitti,
    labelme,
    tusimple,
    voc,
    yolo,
)
from mtzoo.data.convert.conversion import VAL_SHARE, Options, convert
from mtzoo.data.convert.records import Format
from mtzoo.data.convert.summary import Summary

FORMATS: dict[str, Format] = {module.FORMAT.name: module.FORMAT for module in (
    bdd100k, cityscapes, idd, kitti, camvid, voc, yolo, tusimple, culane, coco_subset, labelme)}

__all__ = ["FORMATS", "VAL_SHARE", "Format", "Options", "Summary", "convert"]
