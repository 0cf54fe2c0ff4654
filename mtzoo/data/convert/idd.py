"""IDD Segmentation: the layout of Cityscapes with labels of Indian roads; masks are drawn from the polygons."""

from pathlib import Path

from mtzoo.data.convert.cityscapes import open_polygons
from mtzoo.data.convert.records import Format, SourceSet, published
from mtzoo.data.sources import IGNORE_CATEGORY

LAYOUT = "leftImg8bit/{train,val}/DRIVE/*_leftImg8bit.{png,jpg} and gtFine/{train,val}/DRIVE/*_gtFine_polygons.json"
CLASSES = {
    "road": "road", "parking": IGNORE_CATEGORY, "drivable fallback": "road", "sidewalk": "sidewalk", "rail track": IGNORE_CATEGORY,
    "non-drivable fallback": IGNORE_CATEGORY, "person": "person", "animal": IGNORE_CATEGORY, "rider": "cyclist",
    "motorcycle": "cyclist", "bicycle": "cyclist", "autorickshaw": "vehicle", "car": "vehicle", "truck": "vehicle",
    "bus": "vehicle", "caravan": "vehicle", "trailer": "vehicle", "train": "vehicle", "vehicle fallback": "vehicle",
    "curb": "sidewalk", "wall": "building", "fence": "fence", "guard rail": "fence", "billboard": IGNORE_CATEGORY,
    "traffic sign": "sign", "traffic light": "traffic_light", "pole": "pole", "polegroup": "pole",
    "obs-str-bar-fallback": IGNORE_CATEGORY, "building": "building", "bridge": "building", "tunnel": "building",
    "vegetation": "vegetation", "sky": "sky", "fallback background": IGNORE_CATEGORY,
}
INSTANCES = ("person", "rider", "motorcycle", "bicycle", "autorickshaw", "car", "truck", "bus", "caravan", "trailer", "train",
             "vehicle fallback", "animal", "traffic sign", "traffic light")


def open_idd(src: Path) -> SourceSet:
    """Raises UserError for missing folders, images without polygons."""
    return open_polygons(src, INSTANCES, CLASSES, label_ids=None)


FORMAT = Format("idd", "IDD Segmentation", LAYOUT, published(open_idd))
