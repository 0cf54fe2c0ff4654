"""How close the integer file's outputs are to those of the float network, on images that it was not calibrated on."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from mtzoo.errors import UserError

Arrays = Mapping[str, np.ndarray]


@dataclass
class Agreement:
    """How close an output is to that of the float network, over all images.

    Attributes:
        cosines: The cosine of each image.
        same: The number of places with the same largest channel, if there are several channels.
        places: The number of all such places.
    """

    cosines: list[float] = field(default_factory=list)
    same: int = 0
    places: int = 0

    @property
    def cosine(self) -> float:
        """The mean cosine over images."""
        return float(np.mean(self.cosines))

    @property
    def argmax(self) -> float | None:
        """The share of places with the same largest channel; None for an output without channels to choose from."""
        return self.same / self.places if self.places else None

    def add(self, wanted: np.ndarray, found: np.ndarray) -> None:
        """Count one image. wanted, found: the output of the float and of the integer network."""
        a, b = wanted.astype(np.float64).ravel(), found.astype(np.float64).ravel()
        length = float(np.linalg.norm(a) * np.linalg.norm(b))
        self.cosines.append(float(a @ b) / length if length else float(not a.any() and not b.any()))
        if wanted.ndim in (2, 4) and wanted.shape[1] > 1:
            self.same += int((wanted.argmax(1) == found.argmax(1)).sum())
            self.places += wanted.argmax(1).size


def compare_outputs(images: Iterable[np.ndarray], original: Callable[[np.ndarray], Arrays],
                    integer: Callable[[np.ndarray], Arrays]) -> dict[str, Agreement]:
    """Output -> agreement. images: (H, W, 3) uint8 BGR of the input's size. Raises UserError for no image, and for an original that
    gives what is no number."""
    found: dict[str, Agreement] = {}
    for image in images:
        wanted, given = original(image), integer(image)
        for name, value in given.items():
            if not np.isfinite(wanted[name]).all():
                raise UserError(f"the float network gives values that are not finite at its output '{name}'; nothing can be compared")
            found.setdefault(name, Agreement()).add(wanted[name], value)
    if not found:
        raise UserError("no image is left to compare on; give more")
    return found
