"""One small set in the layout of each format: at least one labelled image for train and one for val."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mtzoo.data.convert.camvid import COLORS
from tests.data.convert.helpers import HW, write_image, write_json, write_mask, write_text

KITTI_ROWS = (
    "Car 0.00 0 -1.57 10.00 8.00 40.00 28.00 1.5 1.6 4.0 0.0 1.5 20.0 -1.57",
    "Van 0.00 2 1.57 42.00 8.00 60.00 28.00 2.0 1.8 4.5 3.0 1.5 25.0 1.57",
    "Pedestrian 0.00 0 0.20 2.00 5.00 8.00 40.00 1.7 0.6 0.7 -3.0 1.5 12.0 0.10",
    "DontCare -1 -1 -10 50.00 30.00 62.00 44.00 -1 -1 -1 -1000 -1000 -1000 -10",
)


def write_kitti(root: Path) -> None:
    for name in ("000000", "000001", "000002"):
        write_image(root / "training" / "image_2" / f"{name}.png")
        write_text(root / "training" / "label_2" / f"{name}.txt", *KITTI_ROWS)


def poly2d(points: list[list[float]], types: str, closed: bool = False) -> list[dict]:
    return [{"vertices": points, "types": types, "closed": closed}]


def bdd_lane(style: str, kind: str, points: list[list[float]]) -> dict:
    return {"category": "lane", "attributes": {"laneStyle": style, "laneType": kind}, "poly2d": poly2d(points, "L" * len(points))}


def write_bdd100k(root: Path) -> None:
    labels = [
        {"category": "car", "box2d": {"x1": 4, "y1": 20, "x2": 24, "y2": 34}},
        {"category": "rider", "box2d": {"x1": 40, "y1": 10, "x2": 48, "y2": 30}},
        {"category": "bike", "box2d": {"x1": 38, "y1": 20, "x2": 52, "y2": 36}},
        bdd_lane("dashed", "single white", [[10, 47], [10, 25]]), bdd_lane("solid", "road curb", [[60, 47], [60, 25]]),
        bdd_lane("solid", "crosswalk", [[30, 40], [36, 40]]),
        {"category": "drivable area", "attributes": {"areaType": "direct"},
         "poly2d": poly2d([[8, 47], [50, 47], [40, 26], [20, 26]], "LLLL", True)},
    ]
    for split in ("train", "val"):
        write_image(root / "images" / "100k" / split / f"{split}.jpg")
        write_json(root / "labels" / f"bdd100k_labels_images_{split}.json", [{"name": f"{split}.jpg", "labels": labels}])


def cityscapes_objects(*objects: tuple[str, list[list[int]]]) -> dict:
    return {"imgHeight": HW[0], "imgWidth": HW[1], "objects": [{"label": label, "polygon": polygon} for label, polygon in objects]}


def write_cityscapes(root: Path) -> None:
    ids = np.full(HW, 23, np.uint8)
    ids[24:] = 7
    ids[20:30, 10:30] = 26
    for split in ("train", "val"):
        stem = f"{split}/aachen/aachen_000000_000019"
        write_image(root / "leftImg8bit" / f"{stem}_leftImg8bit.png")
        write_mask(root / "gtFine" / f"{stem}_gtFine_labelIds.png", ids)
        write_json(root / "gtFine" / f"{stem}_gtFine_polygons.json", cityscapes_objects(
            ("road", [[0, 24], [63, 24], [63, 47], [0, 47]]), ("car", [[10, 20], [30, 20], [30, 30], [10, 30]]),
            ("cargroup", [[40, 20], [60, 20], [60, 28], [40, 28]]), ("rider", [[32, 8], [36, 8], [36, 20], [32, 20]]),
            ("bicycle", [[30, 14], [38, 14], [38, 24], [30, 24]])))


def write_idd(root: Path) -> None:
    for split in ("train", "val"):
        write_image(root / "leftImg8bit" / split / "7" / "frame0_leftImg8bit.jpg")
        write_json(root / "gtFine" / split / "7" / "frame0_gtFine_polygons.json", cityscapes_objects(
            ("sky", [[0, 0], [63, 0], [63, 20], [0, 20]]), ("drivable fallback", [[0, 30], [63, 30], [63, 47], [0, 47]]),
            ("autorickshaw", [[10, 15], [30, 15], [30, 40], [10, 40]]), ("license plate", [[15, 35], [20, 35], [20, 38], [15, 38]]),
            ("out of roi", [[0, 44], [63, 44], [63, 47], [0, 47]])))


def write_camvid(root: Path) -> None:
    mask = np.full(HW, 3, np.uint8)
    mask[:20] = 0
    mask[20:24, :8] = 11
    for split in ("train", "val"):
        write_image(root / split / f"{split}_1.png")
        write_mask(root / f"{split}annot" / f"{split}_1.png", mask)


def write_camvid32(root: Path) -> None:
    rgb = np.zeros((*HW, 3), np.uint8)
    rgb[:24], rgb[24:], rgb[30:40, 20:24] = COLORS["Sky"], COLORS["Road"], COLORS["LaneMkgsDriv"]
    rgb[20:30, 40:44] = COLORS["TrafficLight"]
    for name in ("0001TP_1", "0001TP_2", "0001TP_3"):
        write_image(root / "701_StillsRaw_full" / f"{name}.png")
        write_mask(root / "LabeledApproved_full" / f"{name}_L.png", rgb[..., ::-1])
    write_image(root / "701_StillsRaw_full" / "unlabelled.png")


VOC_XML = """<annotation><filename>{name}.jpg</filename><size><width>64</width><height>48</height><depth>3</depth></size>
<object><name>car</name><difficult>0</difficult><bndbox><xmin>11</xmin><ymin>21</ymin><xmax>30</xmax><ymax>30</ymax></bndbox></object>
<object><name>speedlimit</name><difficult>1</difficult><bndbox><xmin>40</xmin><ymin>1</ymin><xmax>64</xmax><ymax>10</ymax></bndbox></object>
</annotation>"""


def write_voc(root: Path) -> None:
    for name in ("a", "b"):
        write_image(root / "JPEGImages" / f"{name}.jpg")
        write_text(root / "Annotations" / f"{name}.xml", VOC_XML.format(name=name))
    write_text(root / "ImageSets" / "Main" / "train.txt", "b")
    write_text(root / "ImageSets" / "Main" / "val.txt", "a")


def write_yolo(root: Path) -> None:
    write_text(root / "data.yaml", "path: ../elsewhere", "train: images/train", "val: ../images/val",
               "names: {0: car, 1: traffic light}")
    for split in ("train", "val"):
        write_image(root / "images" / split / f"{split}.jpg")
        write_image(root / "images" / split / "empty.jpg")
        write_text(root / "labels" / split / f"{split}.txt", "0 0.5 0.5 0.25 0.5", "1 0.1 0.1 0.2 0.1 0.2 0.3")


def write_tusimple(root: Path) -> None:
    rows = []
    for clip in ("1", "2"):
        write_image(root / "clips" / "0313-1" / clip / "20.jpg")
        rows.append(json.dumps({"raw_file": f"clips/0313-1/{clip}/20.jpg", "lanes": [[-2, 20, 20, 20], [50, 50, -2, -2]],
                                "h_samples": [10, 20, 30, 40]}))
    write_text(root / "label_data_0313.json", *rows)


def write_culane(root: Path) -> None:
    for split in ("train", "val"):
        image = write_image(root / "driver_1" / f"{split}.MP4" / "00000.jpg")
        write_text(image.with_suffix(".lines.txt"), "-5.5 47 20 40 20 20", "50 47 50 20")
        write_text(root / "list" / f"{split}.txt", f"/driver_1/{split}.MP4/00000.jpg")


def write_coco(root: Path, *others: str) -> None:
    """others: further categories, of which nothing is labelled."""
    names = {1: "person", 3: "car", 10: "traffic light", 59: "pizza", **dict(enumerate(others, start=100))}
    categories = [{"id": number, "name": name} for number, name in names.items()]
    for split in ("train2017", "val2017"):
        images = [{"id": k, "file_name": f"{name}.jpg", "width": 64, "height": 48} for k, name in enumerate(("road", "table", "empty"))]
        annotations = [{"id": 1, "image_id": 0, "category_id": 3, "bbox": [4, 4, 20, 10], "iscrowd": 0},
                       {"id": 2, "image_id": 0, "category_id": 59, "bbox": [4, 4, 2, 2], "iscrowd": 0},
                       {"id": 3, "image_id": 1, "category_id": 59, "bbox": [0, 0, 30, 30], "iscrowd": 0},
                       {"id": 4, "image_id": 0, "category_id": 1, "bbox": [4, 4, 0, 10], "iscrowd": 0}]
        for image in images:
            write_image(root / split / image["file_name"])
        write_json(root / "annotations" / f"instances_{split}.json",
                   {"images": images, "annotations": annotations, "categories": categories})


def write_labelme(root: Path) -> None:
    shapes = [{"label": "car", "points": [[4, 4], [24, 14]], "shape_type": "rectangle"},
              {"label": "Traffic Light", "points": [[40, 10], [40, 14]], "shape_type": "circle"},
              {"label": "road", "points": [[0, 30], [63, 30], [63, 47], [0, 47]], "shape_type": "polygon"},
              {"label": "dashed", "points": [[30, 47], [30, 31]], "shape_type": "linestrip"},
              {"label": "nail", "points": [[1, 1]], "shape_type": "point"}]
    for split in ("train", "val"):
        write_image(root / split / "images" / "a.jpg")
        write_json(root / split / "json" / "a.json",
                   {"version": "5.4.1", "shapes": shapes, "imagePath": "..\\images\\a.jpg", "imageHeight": 48, "imageWidth": 64})


PASCAL_TEXT = """# Compatible with PASCAL Annotation Version 1.00
Image filename : "mine/photos/{name}.png"
Image size (X x Y x C) : 64 x 48 x 3
# Top left pixel co-ordinates : (1, 1)
Bounding box for object 1 "PASpersonStanding" (Xmin, Ymin) - (Xmax, Ymax) : (11, 21) - (30, 40)
Bounding box for object 2 "PAScarRear" (Xmin, Ymin) - (Xmax, Ymax) : (41, 1) - (64, 20)
"""


def write_pascal(root: Path) -> None:
    for name in ("a", "b"):
        write_image(root / "photos" / f"{name}.png")
        write_text(root / "texts" / f"{name}.txt", PASCAL_TEXT.format(name=name))


def write_masks(root: Path) -> None:
    """0 and 255, of half the image's size."""
    mask = np.zeros((HW[0] // 2, HW[1] // 2), np.uint8)
    mask[:12] = 255
    for name in ("a", "b"):
        write_image(root / "photos" / f"{name}.jpg")
        write_mask(root / "ground_truth" / f"{name}.png", mask)


CVAT_XML = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><name>mine</name></task></meta>
<image id="0" name="day/a.jpg" width="64" height="48">
<box label="car" occluded="0" xtl="4.00" ytl="6.00" xbr="24.00" ybr="16.00" z_order="0"></box>
<polygon label="road" points="0.00,30.00;63.00,30.00;63.00,47.00;0.00,47.00" z_order="0"></polygon>
<box label="car" outside="1" xtl="1" ytl="1" xbr="2" ybr="2"></box>
<points label="nail" points="1,1"></points></image>
<image id="1" name="day/b.jpg" width="64" height="48"><ellipse label="sign" cx="20" cy="10" rx="4" ry="3"></ellipse>
<polygon label="sky" points="0,0;63,0;63,5;0,5"></polygon></image>
</annotations>"""


def write_cvat(root: Path) -> None:
    for name in ("a", "b"):
        write_image(root / "photos" / "day" / f"{name}.jpg")
    write_text(root / "annotations.xml", CVAT_XML)


def studio_task(image: str, *regions: dict) -> dict:
    result = [{"original_width": 64, "original_height": 48, **region} for region in regions]
    return {"id": 1, "data": {"image": image}, "annotations": [{"result": result, "was_cancelled": False}]}


def write_label_studio(root: Path) -> None:
    box = {"type": "rectanglelabels", "value": {"x": 25, "y": 50, "width": 50, "height": 25, "rotation": 0, "rectanglelabels": ["car"]}}
    road = {"type": "polygonlabels", "value": {"points": [[0, 75], [100, 75], [100, 100], [0, 100]], "polygonlabels": ["road"]}}
    for name in ("a", "b", "c"):
        write_image(root / "photos" / f"{name}.jpg")
    write_json(root / "export.json", [
        studio_task("/data/upload/1/0a1b2c3d-a.jpg", box, road), studio_task("/data/local-files/?d=photos/b.jpg", box, road),
        {"data": {"image": "https://example.org/photos/c.jpg"}, "annotations": []}])


def write_image_folder(root: Path) -> None:
    for name in ("train/day/a", "train/night/a", "val/day/b", "val/night/c"):
        write_image(root / f"{name}.jpg")


def write_image_labels(root: Path) -> None:
    for name in ("a", "b", "c"):
        write_image(root / "images" / f"{name}.jpg")
    write_text(root / "image_labels.csv", "image,task,class,score", "a.jpg,time,day,0.9", "b.jpg,time,night,0.4", "c.jpg,time,day,0.8")


LAYOUTS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "bdd100k": ("bdd100k", write_bdd100k), "cityscapes": ("cityscapes", write_cityscapes), "idd": ("idd", write_idd),
    "kitti": ("kitti", write_kitti), "camvid": ("camvid", write_camvid), "camvid32": ("camvid", write_camvid32),
    "voc": ("voc", write_voc), "yolo": ("yolo", write_yolo), "tusimple": ("tusimple", write_tusimple),
    "culane": ("culane", write_culane), "coco": ("coco", write_coco), "labelme": ("labelme", write_labelme),
    "pascal": ("pascal", write_pascal), "masks": ("masks", write_masks),
    "cvat": ("cvat", write_cvat), "label_studio": ("label_studio", write_label_studio),
    "image_folder": ("image_folder", write_image_folder), "image_labels": ("image_labels", write_image_labels),
}
"""Name of a layout -> its format and who writes it."""
