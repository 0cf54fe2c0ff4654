"""Which of two things hides the other: the order of the painter's algorithm."""

import numpy as np


def painting_order(footprints: np.ndarray) -> list[int]:
    """footprints (n, 4): x1, x2, z1, z2 on the ground, camera at the origin -> indices, hidden before hiding.

    A thing that begins where another ends is behind it; of two that share a range of depth, the one nearer to the
    axis of the camera is in front (on the same side of the axis). What neither rule orders goes by depth.
    """
    x1, x2, z1, z2 = footprints.T
    inner = np.where((x1 <= 0) & (x2 >= 0), 0.0, np.minimum(abs(x1), abs(x2)))
    outer = np.maximum(abs(x1), abs(x2))
    behind = z1[:, None] >= z2[None]  # [i, j]: i is behind j
    shared = ~behind & ~behind.T
    same_side = (x1 + x2)[:, None] * (x1 + x2)[None] > 0
    behind |= shared & same_side & (inner[:, None] >= outer[None] - 1e-6)
    np.fill_diagonal(behind, False)
    depth = (z1 + z2) / 2
    waiting = behind.sum(0)  # how many things behind j are not painted yet
    left = np.ones(len(depth), bool)
    order = []
    for _ in range(len(depth)):
        ready = left & (waiting == 0)
        candidates = ready if ready.any() else left  # a ring of mutual hiding: break it at the farthest
        pick = int(np.argmax(np.where(candidates, depth, -np.inf)))
        order.append(pick)
        left[pick] = False
        waiting -= behind[pick]
    return order
