"""Data sets of published formats -> the one layout that configs/converted reads. One file per format."""

from mtzoo.data.convert import (
    bdd100k,
    camvid,
    cityscapes,
    coco_subset,
    culane,
    cvat,
    idd,
    image_folder,
    image_labels,
    kitti,
    label_studio,
    labelme,
    masks,
    pascal,
    tusimple,
    voc,
    yolo,
)
from mtzoo.data.convert.conversion import convert
from mtzoo.data.convert.recognise import Sighting, recognise
from mtzoo.data.convert.records import Format, Places
from mtzoo.data.convert.summary import Summary
from mtzoo.data.convert.translation import VAL_SHARE, Options

FORMATS: dict[str, Format] = {module.FORMAT.name: module.FORMAT for module in (
    bdd100k, cityscapes, idd, kitti, camvid, voc, yolo, tusimple, culane, coco_subset, labelme, pascal, masks, cvat, label_studio,
    image_folder, image_labels)}

__all__ = ["FORMATS", "VAL_SHARE", "Format", "Options", "Places", "Sighting", "Summary", "convert", "recognise"]
