"""Whether all executors say what the validated network said."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from mtzoo.data.images import read_image
from mtzoo.data.input_files import spread_images
from mtzoo.deploy.load import read_deploy_file
from mtzoo.deploy.reference import reference_network
from mtzoo.errors import UserError
from mtzoo.locate import find_model
from mtzoo.runtime.verify import VerifyReport
from mtzoo.runtime.verify import verify as verify_integers
from mtzoo.runtime.verify_mixed import Distances, verify_mixed

OnProgress = Callable[[int, int | None], None]
"""Told (done, total)."""


@dataclass(frozen=True)
class VerifyResult:
    """report: counts of differing values, None for a file that is no integer network; distances: of such a file, executor -> task ->
    how far its raw values are from torch; proven: whether a hash proves that the file is as it was exported."""

    report: VerifyReport | None
    distances: Distances = field(default_factory=dict)
    proven: bool = True

    @property
    def equal(self) -> bool:
        """Whether not one value differs. False where that is not promised."""
        return self.report is not None and self.report.passed


def verify(model: str | Path, images: str | Path | Iterable[np.ndarray], *, limit: int | None = None, threads: int = 2,
           every: bool = False, on_progress: OnProgress = lambda done, total: None) -> VerifyResult:
    """Run a deploy model in every executor on the same images and count the values that differ from the validated network.

    model: a file, or a zoo model's name; images: a folder, of which at most `limit` are read, evenly spread, or arrays (H, W, 3)
    uint8 BGR of any size, of which the first `limit` are; every: each runtime with the settings that its users have, not only the two
    that `DeployModel` has.
    Raises UserError for a file that was changed, for no image, and for `every` with a file that is no integer network.
    """
    shown = _read(spread_images(Path(images), limit), on_progress) if isinstance(images, str | Path) else islice(images, limit)
    file = read_deploy_file(find_model(model))
    if file.info.integer:
        return VerifyResult(verify_integers(file.path, shown, threads=threads, every=every), proven=file.proven)
    if every:
        raise UserError(f"{file.path}: no integer network, so no executors are promised to be equal; leave --executors out")
    return VerifyResult(None, verify_mixed(reference_network(file), file, shown, threads=threads), file.proven)


def _read(files: Sequence[Path], on_progress: OnProgress) -> Iterator[np.ndarray]:
    on_progress(0, len(files))
    for done, path in enumerate(files, 1):
        yield read_image(path)
        on_progress(done, len(files))
