"""Whether all executors say what the validated network said."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from mtzoo.data.images import read_image
from mtzoo.data.input_files import spread_images
from mtzoo.deploy.file import read_deploy_file
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
    """What `verify` returns.

    Attributes:
        report: The counts of differing values. None if the file is no integer network.
        distances: How far the raw values of a file that is no integer network are from torch: executor -> task -> distance.
        proven: Whether a hash in the file proves that it is unchanged.
    """

    report: VerifyReport | None
    distances: Distances = field(default_factory=dict)
    proven: bool = True

    @property
    def equal(self) -> bool:
        """Whether no value differs. False if the file is no integer network, because equality is not promised then."""
        return self.report is not None and self.report.passed


def verify(model: str | Path, images: str | Path | Iterable[np.ndarray], *, limit: int | None = None, threads: int = 2,
           every: bool = False, on_progress: OnProgress = lambda done, total: None) -> VerifyResult:
    """Count the output values of a deploy model that differ between the validated network and each executor.

    Args:
        model: An `.onnx` file, or the name of a zoo model.
        images: An image file, a folder of images, or arrays (H, W, 3) uint8 BGR of any size.
        limit: Use at most N images: of a folder evenly spread, of arrays the first ones. None: all.
        threads: CPU threads of the executors.
        every: Compare each runtime at all its settings, not only the two executors of `DeployModel`.
        on_progress: Called with (images done, total). The total is None if it is unknown.

    Raises:
        UserError: The file was changed, there is no image, or `every` is given for a file that is no integer network.
    """
    shown = _read(spread_images(Path(images), limit), on_progress) if isinstance(images, str | Path) else islice(images, limit)
    file = read_deploy_file(find_model(model))
    if file.info.integer:
        return VerifyResult(verify_integers(file.path, shown, threads=threads, every=every), proven=file.proven)
    if every:
        raise UserError(f"{file.path}: not an integer network, so equality is not promised; leave --executors out")
    return VerifyResult(None, verify_mixed(reference_network(file), file, shown, threads=threads), file.proven)


def _read(files: Sequence[Path], on_progress: OnProgress) -> Iterator[np.ndarray]:
    on_progress(0, len(files))
    for done, path in enumerate(files, 1):
        yield read_image(path)
        on_progress(done, len(files))
