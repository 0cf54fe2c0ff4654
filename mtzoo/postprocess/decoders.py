"""What can be chosen of a task's post-processing: one class of parameters for each kind of task."""

import math
from dataclasses import dataclass

import numpy as np

from mtzoo.errors import UserError
from mtzoo.ops.bilinear import FACTORS, bilinear_bits
from mtzoo.ops.exact import EXACT_LIMIT
from mtzoo.task_kind import ByKind

MOST_BOXES = 1_000_000


@dataclass(frozen=True)
class BoxDecoder:
    """The post-processing of a detection task.

    Attributes:
        score_threshold: Boxes with a lower score are dropped.
        pre_nms_top_k: The number of boxes with the highest scores that go into NMS.
        nms_iou: NMS within each class drops boxes with a larger IoU.
        top_k: The number of boxes that are kept.
    """

    score_threshold: float = 0.05
    pre_nms_top_k: int = 1000
    nms_iou: float = 0.6
    top_k: int = 100

    def __post_init__(self) -> None:
        for name in ("score_threshold", "nms_iou"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise UserError(f"{name}={getattr(self, name)}: must be between 0 and 1")
        for name in ("pre_nms_top_k", "top_k"):
            if not 1 <= getattr(self, name) <= MOST_BOXES:
                raise UserError(f"{name}={getattr(self, name)}: must be 1 or more, and at most {MOST_BOXES:,}")

    @property
    def logit_threshold(self) -> float:
        """The logit of `score_threshold`, in float32."""
        return float(np.float32(math.log(self.score_threshold / (1 - self.score_threshold))))


LARGEST_EXPONENT = 120
"""Of 2^e as float32, its inverse too."""


@dataclass(frozen=True)
class LabelMapDecoder:
    """The post-processing of a segmentation task: enlarge the logits (bilinear, half-pixel centres), then take the largest.

    Attributes:
        upsample: The factor: 1, 2, 4, 8 or 16.
        stride: Input pixels for each cell of the logits.
        logit_exponent: Found by mtzoo. The logits of an integer network are first rounded to multiples of 2 to this power, if enlarging
            them would not be exact. None: they are not rounded.
    """

    upsample: int = 2
    stride: int = 4
    logit_exponent: int | None = None

    def __post_init__(self) -> None:
        if self.upsample not in FACTORS:
            raise UserError(f"upsample={self.upsample}: must be one of {', '.join(map(str, FACTORS))}, whose bilinear weights "
                            "are exact")
        if self.stride % self.upsample:
            raise UserError(f"upsample={self.upsample}: finer than the input; at most {self.stride}")
        if self.logit_exponent is not None and abs(self.logit_exponent) > LARGEST_EXPONENT:
            raise UserError(f"logit_exponent={self.logit_exponent}: expected -{LARGEST_EXPONENT}..{LARGEST_EXPONENT}")

    @property
    def map_stride(self) -> int:
        """Input pixels per cell of the label map."""
        return self.stride // self.upsample


def logit_exponent(largest: np.ndarray, exponent: np.ndarray, upsample: int) -> int | None:
    """The e of `LabelMapDecoder.logit_exponent`: the finest grid on which enlarging stays exact; None if the logits' own does.

    largest: (C,) the largest |integer| that each channel's logit can be; exponent: (C,) or (), logit = integer * 2^exponent.
    One grid for all channels: only differences between them count.
    """
    room = EXACT_LIMIT >> bilinear_bits(upsample)
    if float(largest.max()) <= room:
        return None
    value = float((largest.astype(np.float64) * np.exp2(exponent.astype(np.float64))).max())
    mantissa, power = math.frexp(value / room)  # in [0.5, 1)
    return power - 1 if mantissa == 0.5 else power


@dataclass(frozen=True)
class ClassDecoder:
    """The post-processing of a classification task. The class is that of the largest logit.

    Attributes:
        temperature: Logits are divided by this before the softmax (temperature scaling, arXiv 1706.04599). Above 1, the scores become
            less sure; the classes stay.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0.01 <= self.temperature <= 100:
            raise UserError(f"temperature={self.temperature}: expected 0.01 to 100")


@dataclass(frozen=True)
class AsIs:
    """Of a network whose outputs only its user can read. maps: their names."""

    maps: tuple[str, ...]


Decoder = BoxDecoder | LabelMapDecoder | ClassDecoder | AsIs
DECODERS: ByKind[type[Decoder]] = ByKind({"detection": BoxDecoder, "segmentation": LabelMapDecoder, "classification": ClassDecoder})
"""Made without arguments, each is what a task has whose config chooses nothing."""


