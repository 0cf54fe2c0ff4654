"""The faces of vehicles, one function per kind of face: windows, doors, lamps, plates, names."""

from collections.abc import Callable

from mtzoo.data.synthetic.decals import Decal, Style, dim, disc, front_lamps, rear_lamps, rect, shape


def car_rear(style: Style) -> list[Decal]:
    """Bumper, plate, tail lamps."""
    return [rect(0.0, 0.0, 1.0, 0.30, dim(style.paint, 0.8)), rect(0.06, 0.0, 0.94, 0.16, (44, 44, 46), coarse=True),
            rect(0.0, 0.93, 1.0, 1.0, dim(style.paint, 1.12)),
            rect(0.16, 0.02, 0.24, 0.10, (90, 92, 95)), *rear_lamps(style, (0.62, 1.0), 0.2),
            rect(0.36, 0.44, 0.64, 0.64, style.plate), rect(0.40, 0.50, 0.60, 0.58, (60, 60, 60)),
            rect(0.05, 0.34, 0.95, 0.37, dim(style.paint, 0.6))]


def shoulder_rear(style: Style) -> list[Decal]:
    """The upper part of the tailgate."""
    return [*rear_lamps(style, (0.05, 0.85), 0.17), rect(0.45, 0.25, 0.55, 0.5, (160, 162, 165)),
            rect(0.02, 0.92, 0.98, 1.0, dim(style.paint, 0.65))]


def car_front(style: Style) -> list[Decal]:
    """Grille, plate, intakes, lower lamps."""
    return [rect(0.05, 0.0, 0.95, 0.2, (40, 40, 42), coarse=True), rect(0.24, 0.34, 0.76, 0.9, (30, 30, 32)),
            *[rect(0.26, v, 0.74, v + 0.05, (110, 112, 115)) for v in (0.45, 0.6, 0.75)],
            rect(0.37, 0.22, 0.63, 0.38, style.plate), rect(0.41, 0.27, 0.59, 0.33, (60, 60, 60)),
            disc(0.12, 0.24, 0.04, 0.06, (150, 150, 150)), disc(0.88, 0.24, 0.04, 0.06, (150, 150, 150)),
            *front_lamps(style, (0.7, 1.0), 0.2)]


def shoulder_front(style: Style) -> list[Decal]:
    """Head lamps and the edge of the bonnet."""
    return [*front_lamps(style, (0.0, 0.75), 0.22), rect(0.45, 0.1, 0.55, 0.5, (190, 190, 192)),
            rect(0.0, 0.9, 1.0, 1.0, dim(style.paint, 1.15))]


def rear_window(style: Style) -> list[Decal]:
    """Glass with the sky in it, a wiper, the third brake lamp."""
    outline = [(0.07, 0.06), (0.93, 0.06), (0.91, 0.90), (0.09, 0.90)]
    return [shape(outline, style.glass, coarse=True),
            shape([(0.09, 0.90), (0.5, 0.90), (0.3, 0.2), (0.075, 0.35)], dim(style.glass, 1.5)),
            rect(0.2, 0.1, 0.36, 0.45, dim(style.glass, 0.5)), rect(0.62, 0.1, 0.78, 0.45, dim(style.glass, 0.5)),
            rect(0.42, 0.91, 0.58, 0.96, (40, 40, 220), 0.9 if style.braking else 0.0)]


def windscreen(style: Style) -> list[Decal]:
    """Glass, the driver's and the mirror's shapes."""
    outline = [(0.05, 0.05), (0.95, 0.05), (0.92, 0.93), (0.08, 0.93)]
    dark = dim(style.glass, 0.6)
    return [shape(outline, dim(style.glass, 1.15), coarse=True), rect(0.06, 0.05, 0.94, 0.16, (36, 36, 38)),
            shape([(0.08, 0.93), (0.6, 0.93), (0.35, 0.3), (0.06, 0.4)], dim(style.glass, 1.6)),
            disc(0.7, 0.45, 0.07, 0.2, dark), disc(0.3, 0.4, 0.06, 0.16, dark), rect(0.46, 0.76, 0.54, 0.86, dark)]


def car_side(style: Style) -> list[Decal]:
    """Sill, doors, handles; u runs from the rear to the front."""
    seam = dim(style.paint, 0.55)
    return [rect(0.0, 0.0, 1.0, 0.16, (46, 46, 48), coarse=True), rect(0.0, 0.16, 1.0, 0.3, dim(style.paint, 0.85)),
            *[rect(u, 0.18, u + 0.006, 1.0, seam) for u in (0.30, 0.50, 0.71)],
            rect(0.0, 0.82, 1.0, 0.88, dim(style.paint, 1.18))]


def shoulder_side(style: Style) -> list[Decal]:
    """Door handles, ends of lamps."""
    seam = dim(style.paint, 0.55)
    return [*[rect(u, 0.0, u + 0.006, 1.0, seam) for u in (0.30, 0.50, 0.71)],
            *[rect(u, 0.35, u + 0.04, 0.52, dim(style.paint, 0.6)) for u in (0.32, 0.52)],
            rect(0.0, 0.2, 0.035, 0.75, (36, 32, 170), 0.6 if style.lamps_on else 0.0, True),
            rect(0.955, 0.1, 0.99, 0.6, (220, 220, 220), 0.6 if style.lamps_on else 0.0, True)]


def cabin_side(style: Style) -> list[Decal]:
    """Two or three side windows."""
    cuts = ((0.06, 0.30), (0.34, 0.58), (0.62, 0.94)) if style.seed % 2 else ((0.08, 0.47), (0.52, 0.94))
    panes = []
    for u1, u2 in cuts:
        panes.append(rect(u1, 0.06, u2, 0.86, style.glass, coarse=True))
        panes.append(shape([(u1, 0.86), (u1 + (u2 - u1) * 0.6, 0.86), (u1 + (u2 - u1) * 0.2, 0.06), (u1, 0.06)],
                           dim(style.glass, 1.45)))
    return panes


def van_rear(style: Style) -> list[Decal]:
    """Lower half of two doors."""
    return [rect(0.0, 0.0, 1.0, 0.12, (40, 40, 42), coarse=True), rect(0.495, 0.12, 0.505, 1.0, dim(style.paint, 0.5)),
            *rear_lamps(style, (0.45, 0.98), 0.1), rect(0.2, 0.3, 0.42, 0.46, style.plate),
            rect(0.53, 0.5, 0.56, 0.7, (50, 50, 52))]


def van_rear_top(style: Style) -> list[Decal]:
    """Windows of the doors, or none."""
    seam = rect(0.495, 0.0, 0.505, 0.95, dim(style.paint, 0.5))
    if style.seed % 3 == 0:
        return [seam, rect(0.06, 0.3, 0.94, 0.7, style.ad or dim(style.paint, 0.9))]
    return [rect(u, 0.2, u + 0.38, 0.82, style.glass, coarse=True) for u in (0.08, 0.54)] + [seam]


def van_side(style: Style) -> list[Decal]:
    """Front window, and a livery or more windows."""
    out = [rect(0.72, 0.1, 0.93, 0.62, style.glass, coarse=True)]
    if style.seed % 3 == 1:
        out += [rect(u, 0.1, u + 0.2, 0.62, style.glass, coarse=True) for u in (0.06, 0.28, 0.5)]
    elif style.ad:
        out += [rect(0.1, 0.2, 0.6, 0.7, style.ad), rect(0.16, 0.4, 0.54, 0.5, (235, 235, 235))]
    return out


def van_body_side(style: Style) -> list[Decal]:
    """Sill, sliding door, livery."""
    seam = dim(style.paint, 0.55)
    out = [rect(0.0, 0.0, 1.0, 0.14, (48, 48, 50), coarse=True)]
    if style.ad and style.seed % 3 != 1:
        out.append(rect(0.05, 0.5, 0.65, 0.75, style.ad, coarse=True))
    return out + [rect(u, 0.14, u + 0.006, 1.0, seam) for u in (0.38, 0.68, 0.9)]


def bus_rear(style: Style) -> list[Decal]:
    """Engine flap, lamps, plate."""
    return [rect(0.0, 0.0, 1.0, 0.14, (46, 46, 48), coarse=True), rect(0.2, 0.2, 0.8, 0.75, dim(style.paint, 0.7)),
            *[rect(0.24, v, 0.76, v + 0.04, (40, 40, 42)) for v in (0.3, 0.42, 0.54, 0.66)],
            *rear_lamps(style, (0.3, 0.9), 0.1), rect(0.4, 0.16, 0.6, 0.26, style.plate)]


def bus_rear_top(style: Style) -> list[Decal]:
    """Rear window or an advertisement, the line's number."""
    pane = style.ad if style.ad and style.seed % 2 else style.glass
    return [rect(0.08, 0.2, 0.92, 0.72, pane, coarse=True), rect(0.1, 0.78, 0.4, 0.92, (30, 30, 32)),
            rect(0.14, 0.81, 0.36, 0.89, (60, 190, 250), 0.8), rect(0.1, 0.25, 0.45, 0.68, dim(pane, 1.25))]


def bus_front_top(style: Style) -> list[Decal]:
    """A tall windscreen and the destination."""
    return [rect(0.04, 0.0, 0.96, 0.74, style.glass, coarse=True), rect(0.495, 0.0, 0.505, 0.74, (30, 30, 32)),
            shape([(0.04, 0.74), (0.5, 0.74), (0.25, 0.0), (0.04, 0.1)], dim(style.glass, 1.5)),
            rect(0.15, 0.8, 0.85, 0.95, (26, 26, 28), coarse=True), rect(0.22, 0.84, 0.78, 0.91, (60, 190, 250), 0.85)]


def bus_front(style: Style) -> list[Decal]:
    """Lamps low on the sides, bumper, plate."""
    return [rect(0.0, 0.0, 1.0, 0.16, (50, 50, 52), coarse=True), rect(0.04, 0.7, 0.96, 1.0, style.glass, coarse=True),
            *front_lamps(style, (0.25, 0.5), 0.18), rect(0.4, 0.2, 0.6, 0.32, style.plate)]


def bus_side_top(style: Style) -> list[Decal]:
    """A row of windows."""
    panes = [rect(0.02 + i * 0.12, 0.08, 0.125 + i * 0.12, 0.7, style.glass, coarse=True) for i in range(8)]
    return panes + [rect(0.0, 0.8, 1.0, 0.86, style.ad or dim(style.paint, 0.8))]


def bus_side(style: Style) -> list[Decal]:
    """Livery band and flaps."""
    out = [rect(0.0, 0.0, 1.0, 0.1, (50, 50, 52), coarse=True)]
    if style.ad:
        out.append(rect(0.1, 0.3, 0.9, 0.85, style.ad, coarse=True))
    return out + [rect(u, 0.1, u + 0.004, 0.95, dim(style.paint, 0.6)) for u in (0.2, 0.45, 0.7)]


def cargo_rear(style: Style) -> list[Decal]:
    """Two doors with bars, hinges, marker lamps and a reflecting band."""
    steel = dim(style.second, 0.6)
    return [rect(0.49, 0.03, 0.51, 0.97, (60, 60, 62)), *[rect(u, 0.03, u + 0.015, 0.97, steel) for u in (0.2, 0.78)],
            rect(0.0, 0.0, 1.0, 0.05, (50, 50, 54), coarse=True), *rear_lamps(style, (0.0, 0.07), 0.16),
            *[rect(0.02 + i * .12, 0.06, 0.08 + i * .12, 0.085, (50, 60, 220)) for i in range(8)],
            rect(0.0, 0.0, 0.03, 1.0, steel), rect(0.97, 0.0, 1.0, 1.0, steel)]


def cargo_side(style: Style) -> list[Decal]:
    """Ribs, curtain or a big name."""
    out = [rect(0.0, 0.0, 1.0, 0.05, (60, 60, 62), coarse=True)]
    if style.ad:
        out += [rect(0.1, 0.35, 0.9, 0.75, style.ad, coarse=True), rect(0.2, 0.48, 0.75, 0.62, (235, 235, 235))]
    return out + [rect(u, 0.05, u + 0.006, 1.0, dim(style.second, 0.75)) for u in (0.1, 0.22, 0.34, 0.46, 0.58, 0.7, 0.82, 0.92)]


def cab_front(style: Style) -> list[Decal]:
    """Grille, bumper, lamps."""
    return [rect(0.0, 0.0, 1.0, 0.22, (70, 70, 74), coarse=True), rect(0.2, 0.35, 0.8, 0.95, (36, 36, 38)),
            *[rect(0.22, v, 0.78, v + 0.04, dim(style.paint, 0.9)) for v in (0.5, 0.65, 0.8)],
            *front_lamps(style, (0.08, 0.36), 0.2), rect(0.38, 0.08, 0.62, 0.2, style.plate)]


def cab_side(style: Style) -> list[Decal]:
    """The door's window."""
    return [rect(0.25, 0.05, 0.85, 0.6, style.glass, coarse=True)]


FACE_DECALS: dict[tuple[str, str], Callable[[Style], list[Decal]]] = {
    ("body", "rear"): car_rear, ("body", "front"): car_front, ("body", "side"): car_side,
    ("shoulder", "rear"): shoulder_rear, ("shoulder", "front"): shoulder_front, ("shoulder", "side"): shoulder_side,
    ("cabin", "rear"): rear_window, ("cabin", "front"): windscreen, ("cabin", "side"): cabin_side,
    ("vanbody", "rear"): van_rear, ("vancabin", "rear"): van_rear_top, ("vanbody", "front"): car_front,
    ("vancabin", "front"): windscreen, ("vancabin", "side"): van_side, ("vanbody", "side"): van_body_side,
    ("busbody", "rear"): bus_rear, ("bustop", "rear"): bus_rear_top, ("busbody", "front"): bus_front,
    ("bustop", "front"): bus_front_top, ("bustop", "side"): bus_side_top, ("busbody", "side"): bus_side,
    ("cargo", "rear"): cargo_rear, ("cargo", "side"): cargo_side, ("cab", "front"): cab_front,
    ("cabtop", "front"): windscreen, ("cabtop", "side"): cab_side,
}
