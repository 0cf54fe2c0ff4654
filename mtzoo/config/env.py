"""Devices, processes, checkpoints and logs of a run: the config key `env`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from mtzoo.config.values import MOST_ITERATIONS, check_at_most, check_positive
from mtzoo.errors import UserError

LoggerName = Literal["tensorboard", "csv", "wandb", "mlflow", "clearml"]
MOST_SAMPLES = 10_000_000


@dataclass(frozen=True)
class Env:
    """Devices, processes, checkpoints and logs of a run.

    OTHER_NAMES maps names of keys in other toolkits to the names here.

    Attributes:
        default_ctx: The devices: `"cpu"`, `"cpu:2"`, GPU indices such as `"0,1"`, or `"auto"` (a GPU if there is one).
        workers: Processes that read and prepare images. 0: none, the training does it itself.
        threads: CPU threads of the network in training. 0: torch's default.
        seed: The seed of all random draws.
        amp: `"bf16"`, `"off"`, or `"auto"`: bf16 where it is faster.
        shuffle_chunk_size: Shuffle in chunks of this many consecutive images, for disks with slow seeks. 0: no chunks.
        sync_bn: Whether BN computes its statistics over the images of all processes.
        cache_mb: MiB of decoded images and masks that all workers keep together.
        max_bad_images: The share (0 to 1) of the training images that may be unreadable. The run stops if there are more.
        log_interval: Iterations between printed lines.
        checkpoint_interval: Iterations between checkpoints.
        keep_checkpoints: The number of checkpoints of each stage that are kept.
        calibration_batches: The number of training batches on which ranges are observed.
        loggers: Where curves are written.
        logger_options: Logger -> options of its visualizer back end in mmengine.
    """

    OTHER_NAMES: ClassVar[Mapping[str, str]] = {"load_threads": "workers", "num_workers": "workers", "ctx": "default_ctx"}

    default_ctx: str = "auto"
    workers: int = 2
    threads: int = 0
    seed: int = 0
    amp: Literal["auto", "bf16", "off"] = "auto"
    shuffle_chunk_size: int = 0
    sync_bn: bool = True
    cache_mb: int = 512
    max_bad_images: float = 0.01
    log_interval: int = 20
    checkpoint_interval: int = 500
    keep_checkpoints: int = 2
    calibration_batches: int = 8
    loggers: tuple[LoggerName, ...] = ("tensorboard",)
    logger_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_positive(self, "log_interval", "checkpoint_interval", "keep_checkpoints", "calibration_batches")
        check_at_most(self, workers=4096, threads=4096, seed=2**32 - 1, cache_mb=1 << 30, shuffle_chunk_size=MOST_SAMPLES,
                      calibration_batches=1_000_000, log_interval=MOST_ITERATIONS, checkpoint_interval=MOST_ITERATIONS)
        for name in ("workers", "threads", "cache_mb", "seed", "shuffle_chunk_size"):
            if getattr(self, name) < 0:
                raise UserError(f"{name}={getattr(self, name)}: expected 0 or more")
        if not 0 <= self.max_bad_images <= 1:
            raise UserError(f"max_bad_images={self.max_bad_images}: expected a share in 0..1")
        for name in self.logger_options:
            if name not in self.loggers or name in ("tensorboard", "csv"):
                raise UserError(f"logger_options.{name}: options are for 'wandb', 'mlflow' and 'clearml', where 'loggers' names them")
