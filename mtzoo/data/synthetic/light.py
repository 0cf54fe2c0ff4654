"""Time of day and weather, and what they do to a colour. Colours are BGR, 0..255."""

from dataclasses import dataclass
from math import cos, exp, pi, radians, sin
from random import Random

import numpy as np

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Light:
    """One scene's light.

    ambient, sun: gains per channel; sun_dir: unit vector towards the sun (world axes); shadow: darkness of cast
    shadows 0..1; haze: extinction per metre; haze_colour: what far things fade into; headlights: strength of the ego
    vehicle's, 0 by day; clouds: cover 0..1; rain 0..1.
    """

    time: str
    weather: str
    ambient: Colour
    sun: Colour
    sun_dir: tuple[float, float, float]
    shadow: float
    haze: float
    haze_colour: Colour
    zenith: Colour
    headlights: float
    clouds: float
    rain: float

    @property
    def lamps_on(self) -> bool:
        return self.time != "day" or self.weather == "fog"

    @property
    def dark(self) -> bool:
        return self.time == "night"

    def beam(self, x: float, z: float) -> float:
        """Gain of the ego headlights on something at (x, z) metres."""
        if not self.headlights:
            return 0.0
        return self.headlights * exp(-((x / (3.0 + 0.3 * z)) ** 2)) / (1.0 + (z / 18.0) ** 2)

    def gain_offset(self, depth: float, normal: tuple[float, float, float] | None = None,
                    x: float = 0.0) -> tuple[Colour, Colour]:
        """What the camera sees of an albedo `a` at (x, depth) is a * gain + offset, per channel.

        Without a normal: something round, lit from all sides.
        """
        lambert, facing = 0.55, 0.6
        if normal is not None:
            lambert = max(0.0, sum(n * s for n, s in zip(normal, self.sun_dir)))
            facing = max(0.15, -normal[2])
        beam, keep = self.beam(x, depth) * facing, exp(-self.haze * depth)
        gain = tuple((a + s * lambert + beam) * keep for a, s in zip(self.ambient, self.sun))
        return gain, tuple(c * (1.0 - keep) for c in self.haze_colour)

    def shade(self, albedo: Colour, depth: float, normal: tuple[float, float, float] | None = None, x: float = 0.0,
              emit: float = 0.0) -> Colour:
        """Colour that reaches the camera from a surface at `depth` metres; emit 0..1 mixes in its own light."""
        gain, offset = self.gain_offset(depth, normal, x)
        own = emit * exp(-self.haze * depth)
        return tuple(min(255.0, a * (g * (1 - emit) + own) + o) for a, g, o in zip(albedo, gain, offset))

    def shade_many(self, albedos: np.ndarray, depth: float, normals: np.ndarray, x: float, emits: np.ndarray) -> list:
        """`shade` for (n, 3) albedos and unit normals and (n,) emits of one thing at (x, depth); a list of n colours."""
        lambert = np.maximum(normals @ np.array(self.sun_dir), 0)[:, None]
        beam = self.beam(x, depth) * np.maximum(-normals[:, 2:], 0.15)
        keep = exp(-self.haze * depth)
        gain = np.array(self.ambient) + np.array(self.sun) * lambert + beam
        gain += (1 - gain) * emits[:, None]
        return np.minimum(albedos * gain * keep + np.array(self.haze_colour) * (1 - keep), 255).tolist()


def _tint(colour: Colour, gain: float) -> Colour:
    return tuple(c * gain for c in colour)


def sample_light(rng: Random) -> Light:
    """Six of ten scenes by day, two at dusk, two at night; clear, cloudy, fog or rain."""
    time = rng.choices(("day", "dusk", "night"), (0.62, 0.18, 0.2))[0]
    weather = rng.choices(("clear", "cloudy", "fog", "rain"), (0.45, 0.3, 0.1, 0.15))[0]
    azimuth = rng.uniform(0, 2 * pi)
    elevation = radians(rng.uniform(8, 22) if time == "dusk" else rng.uniform(25, 65))
    sun_dir = (cos(elevation) * sin(azimuth), sin(elevation), cos(elevation) * cos(azimuth))
    clear = weather == "clear"
    rain = rng.uniform(0.3, 1.0) if weather == "rain" else 0.0
    clouds = {"clear": rng.uniform(0, 0.45), "cloudy": rng.uniform(0.5, 0.9)}.get(weather, 1.0)
    if time == "day":
        level = rng.uniform(0.85, 1.1)
        ambient = _tint((1.0, 0.95, 0.90) if clear else (1.0, 0.98, 0.96), level * (0.45 if clear else 0.86))
        sun = _tint((0.86, 0.98, 1.05), level * (0.75 if clear else 0.12))
        zenith = (rng.uniform(180, 225), rng.uniform(125, 165), rng.uniform(70, 115)) if clear else (178, 170, 165)
        haze_colour = (238, 226, 212) if clear else (205, 201, 198)
    elif time == "dusk":
        level = rng.uniform(0.8, 1.1)
        ambient = _tint((0.52, 0.42, 0.42), level)
        sun = _tint((0.20, 0.42, 0.72), level * (1.0 if clear else 0.25))
        zenith = (rng.uniform(110, 150), rng.uniform(70, 95), rng.uniform(60, 85))
        haze_colour = (130, 165, 225) if clear else (140, 130, 130)
    else:
        level = rng.uniform(0.7, 1.3)
        ambient = _tint((0.17, 0.16, 0.17), level)
        sun = (0.0, 0.0, 0.0)
        zenith = (rng.uniform(18, 45), rng.uniform(12, 30), rng.uniform(10, 26))
        haze_colour = (rng.uniform(38, 62), rng.uniform(36, 55), rng.uniform(36, 60))
    haze = {"fog": rng.uniform(0.012, 0.035), "rain": rng.uniform(0.003, 0.010)}.get(weather, rng.uniform(2e-4, 2.5e-3))
    shadow = {"day": 0.55, "dusk": 0.35, "night": 0.0}[time] * (1.0 if clear else 0.0)
    headlights = rng.uniform(0.45, 0.8) if time == "night" else 0.0
    return Light(time, weather, ambient, sun, sun_dir, shadow, haze, haze_colour, zenith, headlights, clouds, rain)
