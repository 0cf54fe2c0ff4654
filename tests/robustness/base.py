"""The valid files that the hostile ones are made of: tiny data, a config, a checkpoint of each kind, a model, a begun run."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mtzoo.cli.main import main
from mtzoo.config import config_from_dict
from tests.checkpoints import write_checkpoint
from tests.tiny import config_values, write_config, write_images

FRAMES = 6


@dataclass(frozen=True)
class Base:
    """Read-only for tests."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def image(self) -> Path:
        return self.data / "images" / "0.png"

    @property
    def config(self) -> Path:
        return self.root / "config.py"

    @property
    def float_checkpoint(self) -> Path:
        return self.root / "float.pt"

    @property
    def quantized_checkpoint(self) -> Path:
        return self.root / "quantized.pt"

    @property
    def integer_checkpoint(self) -> Path:
        return self.root / "integer.pt"

    @property
    def model(self) -> Path:
        return self.root / "model.onnx"

    @property
    def run(self) -> Path:
        """A work dir of `train`, stopped in the middle."""
        return self.root / "run"

    @property
    def values(self) -> dict:
        """The config as plain data."""
        values = config_values(self.data)
        return {**values, "env": {**values["env"], "checkpoint_interval": 1}}


def build(root: str) -> int:
    """Write all of it below `root`; in a child of the server, so that the tests' own process starts no threads."""
    base = Base(Path(root))
    write_images(base.data, 4)
    write_config(base.config, base.values)
    config = config_from_dict(base.values)
    for path, step, quantized in ((base.float_checkpoint, 0, False), (base.quantized_checkpoint, 2, True),
                                  (base.integer_checkpoint, 3, True)):
        write_checkpoint(path, config, step, quantized=quantized)
    if main(["export", str(base.integer_checkpoint), "--out", str(base.model)]):
        return 1
    if main(["train", "--config", str(base.config), "--out", str(base.run)]):
        return 1
    (base.run / "with-bn-float-last.pt").unlink()
    write_videos(base.root)
    return 0


def write_videos(root: Path) -> None:
    """video.mp4 and video.avi of FRAMES frames."""
    rng = np.random.default_rng(0)
    still = cv2.resize(rng.integers(0, 256, (8, 12, 3), dtype=np.uint8), (96, 64), interpolation=cv2.INTER_CUBIC)
    for name, code in (("video.mp4", "mp4v"), ("video.avi", "MJPG")):
        writer = cv2.VideoWriter(str(root / name), cv2.VideoWriter_fourcc(*code), 10.0, (96, 64))
        for shift in range(FRAMES):
            writer.write(np.roll(still, 4 * shift, axis=1))
        writer.release()
