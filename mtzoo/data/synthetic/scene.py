"""One scene: sampled from (seed, index), painted far to near, labelled from what stayed visible."""

from random import Random

import cv2
import numpy as np

from mtzoo.data.synthetic.attributes import scene_random
from mtzoo.data.synthetic.backdrop import paint_horizon, paint_sky
from mtzoo.data.synthetic.camera import Camera
from mtzoo.data.synthetic.facades import facades
from mtzoo.data.synthetic.furniture import Thing, place_furniture
from mtzoo.data.synthetic.ground import paint_ground, register_grounds
from mtzoo.data.synthetic.ground_light import light_ground
from mtzoo.data.synthetic.labels import UNLABELLED, Scene, visible_object
from mtzoo.data.synthetic.light import Light, sample_light
from mtzoo.data.synthetic.order import painting_order
from mtzoo.data.synthetic.painter import Painter
from mtzoo.data.synthetic.road import sample_road
from mtzoo.data.synthetic.roadside import Surfaces
from mtzoo.data.synthetic.sensor import expose, paint_bonnet, sample_sensor
from mtzoo.data.synthetic.signs import designs
from mtzoo.data.synthetic.textures import cloud_noise, ground_gain, rain_streaks, sensor_noise, tree_sprites
from mtzoo.data.synthetic.traffic import place_figures, place_vehicles

SHADOWS_END = 70.0  # metres
NEAREST = 1.0  # metres; things that begin nearer are left out


def render_scene(seed: int, index: int, size_hw: tuple[int, int] = (720, 1280)) -> Scene:
    """Scene `index` of the series `seed`; the same bytes every time, whatever was rendered before.

    size_hw: any; what is seen scales with the height, a wider picture sees more to the sides.

    Labels. Boxes are the visible extent; a vehicle's box covers the whole vehicle, rear and front boxes that face
    alone, if it is seen at less than 75 degrees; a cyclist is rider and bicycle together (the inside of its wheels
    too); a person has what it carries; a traffic light is its housing, a sign its plate. In `seg` lane paint is road, a
    raised curb and a paved verge are sidewalk, grass is vegetation; bins, boxes, cones and the ego vehicle's bonnet are
    255. In `lane` a dashed line is its painted dashes, a solid line before a junction is solid, a curb is its face and
    its top edge; other paint (crosswalks, arrows, stop lines) is background.
    """
    rng = scene_random(seed, index)
    camera, light, road = Camera.sample(rng, size_hw), sample_light(rng), sample_road(rng)
    painter = Painter(camera, light)
    sky = painter.surface(0)
    grounds = register_grounds(painter)
    surfaces = Surfaces(building=painter.surface(1), pole=painter.surface(2), vegetation=painter.surface(5),
                        fence=painter.surface(7), clutter=painter.surface(UNLABELLED))
    vehicles = place_vehicles(rng, road, light)
    things: list = place_furniture(rng, road, light, surfaces)
    things += vehicles + place_figures(rng, road, light, vehicles)
    things = [t for t in things if t.footprint()[2] > NEAREST or not hasattr(t, "yaw")]
    paint_sky(painter, sky, rng)
    paint_horizon(painter, surfaces.building, surfaces.vegetation, rng, road.kind in ("urban", "suburban"))
    paint_ground(painter, road, grounds, rng)
    light_ground(painter, grounds, _shadows(things, light), rng)
    for i in painting_order(np.array([t.footprint() for t in things])) if things else ():
        things[i].draw(painter)
    if rng.random() < 0.15:
        paint_bonnet(painter, surfaces.clutter, rng)
    return _finish(painter, rng)


def warm_textures(size_hw: tuple[int, int]) -> None:
    """Make all that is cached per process, so that forked workers share it."""
    for kind in ("asphalt", "grass", "pavement"):
        ground_gain(kind)
    for make in (cloud_noise, tree_sprites, facades, designs):
        make()
    sensor_noise(size_hw)
    rain_streaks(size_hw)


def _shadows(things: list[Thing], light: Light) -> list[np.ndarray]:
    sx, sy, sz = light.sun_dir
    sun = (-sx / sy, -sz / sy) if light.shadow else (0.0, 0.0)
    near = (t for t in things if t.footprint()[2] < SHADOWS_END)
    return [outline for t in near for outline in t.shadow(sun)]


def _finish(painter: Painter, rng: Random) -> Scene:
    table = np.zeros((2, 256), np.uint8)
    table[:, :len(painter.surfaces)] = np.array(painter.surfaces, np.uint8).T
    seg, lane = (cv2.LUT(painter.ids, row) for row in table)
    scale = painter.camera.hw[0] / 720
    found = (visible_object(painter.ids, sealed, scale) for sealed in painter.sealed)
    image = expose(painter, sample_sensor(rng, painter.light), rng)
    return Scene(image, seg, lane, tuple(o for o in found if o is not None))
