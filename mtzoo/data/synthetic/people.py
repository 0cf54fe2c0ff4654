"""People and cyclists: how they are built, dressed and posed."""

from math import cos, pi, sin
from random import Random

import numpy as np

from mtzoo.data.synthetic.figures import Figure, Limb, Part, Slab, Wheel
from mtzoo.data.synthetic.light import Colour

SKIN = ((140, 170, 215), (110, 145, 195), (80, 110, 160), (50, 72, 110), (36, 52, 82), (150, 180, 225))
HAIR = ((30, 32, 38), (24, 24, 26), (40, 58, 90), (70, 110, 150), (120, 125, 130), (100, 165, 200))
CLOTHES = ((40, 40, 44), (60, 50, 45), (120, 80, 50), (150, 110, 70), (45, 45, 160), (60, 130, 60), (60, 150, 200),
           (225, 225, 228), (150, 150, 152), (90, 95, 100), (100, 60, 120), (180, 160, 60), (60, 90, 130), (30, 110, 230),
           (200, 190, 170), (70, 45, 30), (170, 130, 190))
TROUSERS = ((90, 62, 48), (60, 46, 40), (36, 36, 40), (110, 118, 125), (90, 105, 125), (48, 60, 72), (130, 95, 70),
            (150, 165, 175))


def _leg(hip: tuple, thigh: float, shin: float, swing: float, bend: float) -> tuple[tuple, tuple]:
    """Knee and ankle of a leg swung by `swing` radians, the shin bent back by `bend`."""
    knee = (hip[0], hip[1] - thigh * cos(swing), hip[2] + thigh * sin(swing))
    ankle = (hip[0], knee[1] - shin * cos(swing - bend), knee[2] + shin * sin(swing - bend))
    return knee, ankle


def sample_person(rng: Random, rainy: bool) -> Figure:
    """A walking, standing or running person or child with random clothes and things."""
    h = rng.uniform(1.02, 1.45) if rng.random() < 0.14 else rng.gauss(1.72, 0.08)
    wide = rng.uniform(0.85, 1.25)
    pose = rng.random()
    stride = 0.05 if pose < 0.3 else rng.uniform(0.25, 0.5) if pose < 0.93 else 0.75
    phase = rng.choice((-1, 1)) * rng.uniform(0.4, 1.0)
    top, legs = _vary(rng, rng.choice(CLOTHES)), _vary(rng, rng.choice(TROUSERS))
    skin, hair = rng.choice(SKIN), rng.choice(HAIR)
    shoes = rng.choice(((30, 30, 32), (40, 50, 70), (215, 215, 218), (60, 60, 150)))
    bare = rng.random() < 0.15
    parts: list[Part] = []
    for side in (-1, 1):
        hip = (side * 0.09 * wide, 0.52 * h, 0.0)
        swing = side * stride * phase
        knee, ankle = _leg(hip, 0.25 * h, 0.23 * h, swing, max(0.0, -swing) * 0.9 + 0.06)
        toe = (ankle[0], max(ankle[1] - 0.02 * h, 0.03), ankle[2] + 0.13)
        parts += [Limb(hip, knee, 0.085 * wide, 0.06, legs), Limb(knee, ankle, 0.06, 0.04, skin if bare else legs),
                  Limb((ankle[0], max(ankle[1] - 0.01, 0.04), ankle[2] - 0.03), toe, 0.045, 0.035, shoes)]
    parts += _upper_body(rng, h, wide, stride * phase, top, skin, hair)
    style = rng.random()
    if style < 0.2:  # coat, dress or skirt
        hem = rng.uniform(0.28, 0.42) * h
        flare = rng.uniform(0.16, 0.24) * wide
        colour = top if rng.random() < 0.6 else legs
        parts.append(Slab(((-flare, hem, 0, .05), (flare, hem, 0, .05), (.1 * wide, .58 * h, 0, .06),
                           (-.1 * wide, .58 * h, 0, .06)), colour))
    parts += _things(rng, h, wide, rainy)
    return Figure("person", tuple(parts), h, 0.6, 0.0, 0.0, 0.0)


def _vary(rng: Random, colour: Colour) -> Colour:
    gain = rng.uniform(0.75, 1.2)
    return tuple(min(250.0, max(14.0, c * gain + rng.uniform(-10, 10))) for c in colour)


def _upper_body(rng: Random, h: float, wide: float, swing: float, top: Colour, skin: Colour, hair: Colour) -> list[Part]:
    shoulder, hip, lean = 0.8 * h, 0.52 * h, abs(swing) * 0.06
    parts: list[Part] = [Slab(((-.155 * wide, shoulder, lean, .065), (.155 * wide, shoulder, lean, .065),
                               (.11 * wide, hip, 0, .09), (-.11 * wide, hip, 0, .09)), top)]
    sleeves = top if rng.random() < 0.7 else skin
    raised = rng.random()
    for side in (-1, 1):
        joint = (side * 0.2 * wide, shoulder - 0.01, lean)
        if raised < 0.15 and side == 1:  # a telephone
            elbow, hand = (joint[0] + 0.05, joint[1] - 0.24, lean + 0.1), (joint[0] - 0.06, joint[1] + 0.1, lean + 0.12)
        else:
            angle = -side * swing * 0.9
            elbow = (joint[0] + side * 0.03, joint[1] - 0.165 * h * cos(angle), lean + 0.165 * h * sin(angle))
            hand = (elbow[0], elbow[1] - 0.15 * h * cos(angle + 0.35), elbow[2] + 0.15 * h * sin(angle + 0.35))
        parts += [Limb(joint, elbow, 0.055, 0.045, top), Limb(elbow, hand, 0.045, 0.034, sleeves),
                  Limb(hand, hand, 0.043, 0.043, skin)]
    head = 0.925 * h
    parts += [Limb((0, shoulder, lean), (0, head, lean + .02), .05, .05, skin),
              Limb((0, head - .05, lean + .035), (0, head + .03, lean + .03), .078, .088, skin)]
    if rng.random() < 0.25:  # hat, cap, hood
        cap = rng.choice(CLOTHES)
        parts.append(Limb((0, head + .06, lean - .01), (0, head + .09, lean - .01), .1, .08, cap))
    else:
        long = rng.random() < 0.4
        parts.append(Limb((0, head - (.17 if long else .0), lean - .045), (0, head + .05, lean - .01), .085, .092, hair))
    return parts


def _things(rng: Random, h: float, wide: float, rainy: bool) -> list[Part]:
    out: list[Part] = []
    colour = _vary(rng, rng.choice(CLOTHES))
    kind = rng.random()
    if kind < 0.16:  # backpack
        out.append(Slab(((-.12, .76 * h, -.18, .07), (.12, .76 * h, -.18, .07), (.11, .56 * h, -.2, .08),
                         (-.11, .56 * h, -.2, .08)), colour))
    elif kind < 0.32:  # bag in a hand or at the side
        x = rng.choice((-1, 1)) * 0.3 * wide
        out.append(Slab(((x, .44 * h, .0, .04), (x, .44 * h, .2, .04), (x, .32 * h, .2, .05), (x, .32 * h, 0, .05)),
                        colour))
    if rainy and rng.random() < 0.6:  # umbrella
        top = h + rng.uniform(0.12, 0.25)
        out.append(Limb((0.16, 0.65 * h, 0.2), (0.1, top, 0.1), 0.012, 0.012, (70, 70, 72)))
        rim = [(0.1 + 0.5 * cos(a), top - 0.16, 0.1 + 0.5 * sin(a), 0.02) for a in np.linspace(0, 2 * pi, 8, False)]
        out.append(Slab((*rim, (0.1, top, 0.1, 0.06)), colour))
    return out


def sample_cyclist(rng: Random) -> Figure:
    """A rider on a bicycle, or on a scooter (one of five)."""
    scooter = rng.random() < 0.2
    h = rng.gauss(1.72, 0.07)
    top, legs = _vary(rng, rng.choice(CLOTHES)), _vary(rng, rng.choice(TROUSERS))
    skin, frame = rng.choice(SKIN), _vary(rng, rng.choice(CLOTHES))
    dark = (40, 40, 42)
    radius, base = (0.23, 0.62) if scooter else (0.34, 0.53)
    tyre = 0.1 if scooter else 0.045
    parts: list[Part] = [Wheel(radius, -base, radius, tyre), Wheel(radius, base, radius, tyre)]
    bar, seat, crank = (0, 1.02, base - 0.12), (0, 0.93, -0.22), (0, 0.30, -0.03)
    if scooter:
        seat = (0, 0.78, -0.25)
        parts += [Slab(((0, .3, .55, .14), (0, .85, .5, .16), (0, .95, .45, .12)), frame),
                  Slab(((0, .32, .5, .14), (0, .32, -.1, .16), (0, .4, -.7, .17), (0, .7, -.7, .15), (0, .7, -.1, .15)),
                       frame), Limb((-.1, .72, -.75), (.1, .72, -.75), .035, .035, (40, 40, 210))]
    else:
        tube = 0.022
        parts += [Limb(seat, crank, tube, tube, frame), Limb(crank, (0, .72, base - .2), tube, tube, frame),
                  Limb((0, .8, -.2), (0, .78, base - .18), tube, tube, frame),
                  Limb((0, radius, -base), crank, tube, tube, frame),
                  Limb((0, radius, -base), (0, .82, -.2), tube, tube, frame),
                  Limb((0, radius, base), bar, tube, tube, frame)]
        if rng.random() < 0.3:
            parts.append(Slab(((-.13, .8, -.6, .05), (.13, .8, -.6, .05), (.13, .6, -.6, .05), (-.13, .6, -.6, .05)),
                              _vary(rng, rng.choice(CLOTHES))))
    parts += [Limb((-.27, bar[1], bar[2]), (.27, bar[1], bar[2]), .02, .02, dark),
              Limb((0, seat[1], seat[2] - .1), (0, seat[1], seat[2] + .1), .06, .04, dark)]
    parts += _rider(rng, h, seat, bar, crank, scooter, (top, legs, skin))
    return Figure("cyclist", tuple(parts), 1.75, 1.2, 0.0, 0.0, 0.0)


def _rider(rng: Random, h: float, seat: tuple, bar: tuple, crank: tuple, scooter: bool,
           colours: tuple[Colour, Colour, Colour]) -> list[Part]:
    top, legs, skin = colours
    hip = (seat[0], seat[1] + 0.08, seat[2])
    lean = rng.uniform(0.05, 0.12) if scooter else rng.uniform(0.12, 0.4)
    shoulder = (0, hip[1] + 0.3 * h * (1 - 0.25 * lean), hip[2] + lean)
    head = (0, shoulder[1] + 0.12 * h, shoulder[2] + 0.08)
    parts: list[Part] = [Slab(((-.17, shoulder[1], shoulder[2], .07), (.17, shoulder[1], shoulder[2], .07),
                               (.12, hip[1], hip[2], .1), (-.12, hip[1], hip[2], .1)), top)]
    phase = rng.uniform(0, 2 * pi)
    for side in (-1, 1):
        if scooter:
            foot, knee = (side * .14, .36, .2), (side * .2, .78, .2)
        else:
            turn = phase + (pi if side > 0 else 0)
            foot = (side * .11, crank[1] + .17 * sin(turn), crank[2] + .17 * cos(turn))
            knee = (side * .12, (foot[1] + hip[1]) / 2 + .1, (foot[2] + hip[2]) / 2 + .24)
        parts += [Limb((side * .09, hip[1], hip[2]), knee, .09, .065, legs), Limb(knee, foot, .06, .042, legs),
                  Limb(foot, (foot[0], foot[1] - .02, foot[2] + .14), .045, .035, (34, 34, 36))]
        joint, hand = (side * .2, shoulder[1], shoulder[2]), (side * .25, bar[1] + .02, bar[2])
        elbow = tuple((a + b) / 2 + d for a, b, d in zip(joint, hand, (side * .05, -.08, -.03)))
        parts += [Limb(joint, elbow, .055, .045, top), Limb(elbow, hand, .045, .035, top),
                  Limb(hand, hand, .042, .042, skin)]
    parts += [Limb(shoulder, head, .05, .05, skin), Limb((0, head[1] - .04, head[2] + .03), (0, head[1] + .03, head[2]),
                                                        .078, .088, skin)]
    helmet = scooter or rng.random() < 0.5
    cover = _vary(rng, rng.choice(CLOTHES)) if helmet else rng.choice(HAIR)
    size = .12 if helmet else .095
    parts.append(Limb((0, head[1] + .05, head[2] - .03), (0, head[1] + .07, head[2] + .01), size, size * .95, cover))
    return parts
