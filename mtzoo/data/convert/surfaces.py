"""Which class of seg_default an area of some name is."""

from collections.abc import Iterable

from mtzoo.data.convert.classes import MASK_CLASSES, TRAIN_CLASSES, common_class, plain_name
from mtzoo.data.sources import IGNORE_CATEGORY

SEG = MASK_CLASSES["seg"]
THINGS = ("vehicle", "person", "cyclist", "traffic_light", "sign")
"""Classes of seg_default that are boxed, too."""
BACKGROUND = "background"
MORE_NAMES = {"pavement": "sidewalk", "tree": "vegetation", "trees": "vegetation", "grass": "vegetation", "drivable": "road",
              "drivable area": "road", "skyscraper": "building", "house": "building", "railing": "fence", "human": "person",
              "bike": "cyclist", "motorbike": "cyclist"}


def surface(label: str) -> str | None:
    """The class of seg_default that an area of this name is. COCO's "tree-merged" and "wall-other-merged" count without the endings."""
    name = plain_name(label).removesuffix(" merged").removesuffix(" other")
    known = {plain_name(own): own for own in SEG} | TRAIN_CLASSES | MORE_NAMES
    return known.get(name) or (target if (target := common_class(name)) in SEG else None)


def is_boxed(label: str) -> bool:
    """Whether an area of this name may be one object: it is no surface such as a road or the sky."""
    return surface(label) is None or surface(label) in THINGS


def seg_classes(names: Iterable[str]) -> dict[str, str]:
    """Own class of an area -> class of seg_default, or "ignore"."""
    return {name: surface(name) or IGNORE_CATEGORY for name in names}


def painted_classes(names: Iterable[str]) -> dict[str, str]:
    """The same for the classes of masks that polygons paint, "background" among them. Where all others are things, a mask would be
    unlabelled almost everywhere: no class is taken."""
    own = dict.fromkeys(names)
    surfaces = any(not is_boxed(name) for name in own if name != BACKGROUND)
    return seg_classes(own) if surfaces else dict.fromkeys(own, IGNORE_CATEGORY)
