"""What a scene is as a whole, without rendering it."""

from random import Random

from mtzoo.data.synthetic.camera import Camera
from mtzoo.data.synthetic.light import sample_light
from mtzoo.data.synthetic.road import sample_road

ATTRIBUTES = {"time": ("day", "dusk", "night"), "weather": ("clear", "cloudy", "fog", "rain"),
              "road": ("urban", "suburban", "highway", "rural")}
"""Attribute -> its values."""


def scene_random(seed: int, index: int) -> Random:
    """The random numbers that scene `index` of the series `seed` is made of."""
    return Random(f"mtzoo/{seed}/{index}")


def scene_attributes(seed: int, index: int, size_hw: tuple[int, int]) -> dict[str, str]:
    """Attribute -> value of a scene of `render_scene` with the same arguments."""
    rng = scene_random(seed, index)
    Camera.sample(rng, size_hw)
    light, road = sample_light(rng), sample_road(rng)
    return {"time": light.time, "weather": light.weather, "road": road.kind}
