"""From a format's own names and ids to the classes of the six tasks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mtzoo.data.convert.records import XYXY, LabelledBox
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.data.synthetic.labels import CATEGORIES, LANE_CLASSES, SEG_CLASSES
from mtzoo.structures import IGNORE

PAINT = "paint"
"""Lane paint of which nobody says whether it is solid or dashed."""

MASK_CLASSES: dict[str, tuple[str, ...]] = {
    "seg": SEG_CLASSES,
    "lane": (*LANE_CLASSES, PAINT),
    "drivable": ("direct", "alternative", "background"),
}
"""Kind of mask (also its folder) -> its classes, in the order of ids."""

TASK_CLASSES: dict[str, tuple[str, ...]] = {
    "det_cyclist_light": ("cyclist", "traffic_light"),
    "det_person": ("person",),
    "det_rear": ("vehicle_rear", "vehicle_front"),
    "det_vehicle_sign": ("vehicle", "sign"),
}
"""Detection tasks of configs/converted/multitask.py."""

TASK_NAMES = [name for name in CATEGORIES if any(name in classes for classes in TASK_CLASSES.values())]

COMMON_NAMES: dict[str, str] = {
    **dict.fromkeys(("car", "van", "truck", "bus", "train", "tram", "trailer", "caravan", "lorry", "suv", "pickup", "autorickshaw",
                     "vehicle", "other vehicle", "vehicle fallback", "misc vehicle"), "vehicle"),
    **dict.fromkeys(("person", "pedestrian", "people", "other person", "person sitting"), "person"),
    **dict.fromkeys(("rider", "cyclist", "bicyclist", "motorcyclist"), "cyclist"),
    **dict.fromkeys(("traffic light", "trafficlight", "traffic signal"), "traffic_light"),
    **dict.fromkeys(("traffic sign", "trafficsign", "sign", "sign symbol"), "sign"),
    **dict.fromkeys(("vehicle rear", "rear", "car rear"), "vehicle_rear"),
    **dict.fromkeys(("vehicle front", "front", "car front"), "vehicle_front"),
    **dict.fromkeys(("ignore", "dontcare", "ignored"), IGNORE_CATEGORY),
}
"""Names as people write them (see `plain_name`) -> class of a detection task."""

TRAIN_CLASSES: dict[str, str] = {
    "road": "road", "sidewalk": "sidewalk", "building": "building", "wall": "building", "fence": "fence", "pole": "pole",
    "traffic light": "traffic_light", "traffic sign": "sign", "vegetation": "vegetation", "terrain": "vegetation", "sky": "sky",
    "person": "person", "rider": "cyclist", "car": "vehicle", "truck": "vehicle", "bus": "vehicle", "train": "vehicle",
    "motorcycle": "cyclist", "bicycle": "cyclist",
}
"""The 19 classes that Cityscapes and BDD100K train on, in the order of their train ids -> class of seg_default."""

TWO_WHEELERS = ("bicycle", "motorcycle", "bike", "motor", "motorbike")
RIDERS = ("rider",)
_SEATED_ON = 0.2  # share of the two-wheeler that its rider's box covers at least


def plain_name(name: str) -> str:
    """ "Traffic_Light" -> "traffic light": how names are compared."""
    return " ".join(name.replace("_", " ").replace("-", " ").lower().split())


def common_class(name: str) -> str | None:
    """The class of a detection task that an object of this name is, or None."""
    return COMMON_NAMES.get(plain_name(name))


def mask_table(own: Mapping[str, str], classes: Sequence[str]) -> np.ndarray:
    """(256,) uint8: a format's class ids -> ids of `classes`; everything else is ignored."""
    table = np.full(256, IGNORE, dtype=np.uint8)
    for value, target in enumerate(own.values()):
        if target != IGNORE_CATEGORY:
            table[value] = classes.index(target)
    return table


def join_riders(boxes: Iterable[LabelledBox]) -> list[LabelledBox]:
    """Riders grow over the two-wheeler they sit on: a cyclist is both. The two-wheelers stay.

    Each two-wheeler goes to one rider, the pairs that overlap most first.
    """
    joined = list(boxes)
    riders = [i for i, box in enumerate(joined) if box.name in RIDERS and not box.crowd]
    seats = [box for box in joined if box.name in TWO_WHEELERS and not box.crowd]
    pairs = sorted(((_covered(seat.xyxy, joined[i].xyxy), i, k) for i in riders for k, seat in enumerate(seats)), reverse=True)
    seated: set[int] = set()
    taken: set[int] = set()
    for share, i, k in pairs:
        if share < _SEATED_ON:
            break
        if i not in seated and k not in taken:
            seated.add(i)
            taken.add(k)
            joined[i] = replace(joined[i], xyxy=union_box([joined[i].xyxy, seats[k].xyxy]))
    return joined


def order_categories(names: Iterable[str]) -> list[str]:
    """The tasks' classes in their usual order, then others by name."""
    found = set(names)
    return [name for name in CATEGORIES if name in found] + sorted(found - set(CATEGORIES))


def served_tasks(objects: Iterable[str], kinds: Iterable[str], styled_lanes: bool) -> list[str]:
    """Tasks of configs/converted/multitask.py that a set has labels for. objects: categories of which it has one at least; kinds: of
    mask, those with a labelled pixel."""
    found, kinds = set(objects), set(kinds)
    tasks = [task for task, classes in TASK_CLASSES.items() if found & set(classes)]
    tasks += ["seg_default"] if "seg" in kinds else []
    tasks += ["seg_lane" if styled_lanes else "seg_paint"] if "lane" in kinds else []
    return tasks + (["seg_drivable"] if "drivable" in kinds else [])


def _covered(seat: XYXY, rider: XYXY) -> float:
    width = min(seat[2], rider[2]) - max(seat[0], rider[0])
    height = min(seat[3], rider[3]) - max(seat[1], rider[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / ((seat[2] - seat[0]) * (seat[3] - seat[1]))


def union_box(boxes: Iterable[XYXY]) -> XYXY:
    """The smallest box around some."""
    x1, y1, x2, y2 = zip(*boxes)
    return min(x1), min(y1), max(x2), max(y2)
