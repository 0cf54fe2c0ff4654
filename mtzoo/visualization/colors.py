"""One colour per class name, the same in every picture, step and task."""

import colorsys
import zlib
from functools import cache

ColorBGR = tuple[int, int, int]

RGB_OF_CLASS = {
    # surfaces and things, close to the Cityscapes palette that readers know
    "sky": (70, 130, 180), "building": (92, 88, 98), "pole": (165, 175, 160), "road": (128, 64, 128), "sidewalk": (244, 35, 232),
    "vegetation": (107, 142, 35), "sign": (235, 215, 0), "fence": (200, 140, 140), "vehicle": (40, 90, 255), "person": (235, 30, 70),
    "cyclist": (255, 110, 20), "traffic_light": (250, 170, 30), "vehicle_rear": (0, 190, 255), "vehicle_front": (60, 255, 190),
    # lane paint, strong on any road
    "solid": (0, 255, 255), "dashed": (255, 60, 255), "curb": (160, 255, 40), "lane": (0, 255, 255), "background": (0, 0, 0),
    # classes named after a colour, as lights often are
    "red": (235, 40, 40), "yellow": (245, 205, 30), "green": (40, 200, 70), "blue": (40, 110, 245), "orange": (250, 140, 20),
    "white": (240, 240, 240),
}
SAME_AS = {
    "pavement": "sidewalk", "tree": "vegetation", "sign_symbol": "sign", "car": "vehicle", "pedestrian": "person",
    "bicyclist": "cyclist", "trafficlight": "traffic_light",
}
"""Other data sets' names of the same things."""


@cache
def class_color(name: str) -> ColorBGR:
    """(b, g, r) of a class; an unknown name gets a vivid colour from its checksum, the same on every machine."""
    rgb = RGB_OF_CLASS.get(SAME_AS.get(name, name))
    if rgb is None:
        hash_ = zlib.crc32(name.encode())
        hue, value = (hash_ & 0xFFFF) / 0x10000, 0.75 + 0.25 * ((hash_ >> 16 & 0xFF) / 0xFF)
        rgb = tuple(round(255 * c) for c in colorsys.hsv_to_rgb(hue, 0.85, value))
    return rgb[2], rgb[1], rgb[0]


def text_color(background: ColorBGR) -> ColorBGR:
    """Black or white, whichever reads better on `background` (ITU-R BT.601 luma)."""
    b, g, r = background
    return (0, 0, 0) if 0.299 * r + 0.587 * g + 0.114 * b > 140 else (255, 255, 255)
