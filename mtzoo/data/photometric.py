"""Colour changes on uint8 BGR images: one matrix, one table, and now and then grey, blur or noise."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from mtzoo.data.lookup import look_up
from mtzoo.errors import UserError

_BGR_TO_YIQ = np.array([[0.114, 0.587, 0.299], [-0.321, -0.275, 0.596], [0.311, -0.523, 0.212]])
_YIQ_TO_BGR = np.linalg.inv(_BGR_TO_YIQ)
_QUARTER_TURN = np.array([[0.0, -1.0], [1.0, 0.0]])
# (4, 12): what a colour matrix (3, 4) is a sum of: luma, chroma, chroma a quarter turn on, and the offset
_PARTS = np.stack([np.hstack([linear, np.full((3, 1), offset)]).ravel() for linear, offset in (
    (_YIQ_TO_BGR[:, :1] @ _BGR_TO_YIQ[:1], 0), (_YIQ_TO_BGR[:, 1:] @ _BGR_TO_YIQ[1:], 0),
    (_YIQ_TO_BGR[:, 1:] @ _QUARTER_TURN @ _BGR_TO_YIQ[1:], 0), (np.zeros((3, 3)), 1))])
_LEVELS = np.arange(256) / 255


@dataclass(frozen=True)
class Photometric:
    """Changes of colours.

    Attributes:
        prob: The probability that an image is changed at all. 0 switches everything off.
        brightness: The largest change, as a share.
        contrast: The largest change, as a share.
        saturation: The largest change, as a share.
        hue: The largest change, in turns of the colour circle.
        gamma: The largest change of the exponent, in log2.
        grey_prob: The probability of a grey image.
        blur_prob: The probability of a blur.
        noise_prob: The probability of noise.
        noise: The largest noise in grey levels, uniform.
        clahe_prob: The probability of adaptive histogram equalization (CLAHE) of the lightness in 8x8 tiles.
        clahe: Its clip limit.
        jpeg_prob: The probability of JPEG noise.
        jpeg: The lowest and the highest JPEG quality.
    """

    prob: float = 0.8
    brightness: float = 0.25
    contrast: float = 0.25
    saturation: float = 0.3
    hue: float = 0.02
    gamma: float = 0.3
    grey_prob: float = 0.02
    blur_prob: float = 0.05
    noise_prob: float = 0.05
    noise: int = 10
    clahe_prob: float = 0.0
    clahe: float = 2.0
    jpeg_prob: float = 0.0
    jpeg: tuple[int, int] = (30, 90)

    def __post_init__(self) -> None:
        for name in ("prob", "grey_prob", "blur_prob", "noise_prob", "clahe_prob", "jpeg_prob", "brightness", "contrast",
                     "saturation", "hue"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"photometric {name}={getattr(self, name)} must be in 0..1")
        if not 0 <= self.gamma <= 8 or not 0 <= self.noise <= 127:
            raise UserError(f"photometric gamma={self.gamma}, noise={self.noise}: gamma in 0..8 and noise in 0..127")

        if not 0 < self.clahe <= 40 or not 1 <= self.jpeg[0] <= self.jpeg[1] <= 100:
            raise UserError(f"photometric clahe={self.clahe}, jpeg={self.jpeg}: a clip limit of up to 40, and (low, high) in 1..100")

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> None:
        """Change an image (H, W, 3) uint8 BGR in place: each change finds it in the CPU's cache."""
        if rng.random() >= self.prob:
            return
        cv2.transform(image, self._color_matrix(rng), dst=image)
        if self.gamma:
            look_up(image, _gamma_table(2.0 ** rng.uniform(-self.gamma, self.gamma)), out=image)
        if rng.random() < self.blur_prob:
            cv2.GaussianBlur(image, (3, 3) if rng.random() < 0.5 else (5, 5), 0, dst=image)
        if self.noise and rng.random() < self.noise_prob:
            _add_noise(image, rng, int(rng.integers(1, self.noise + 1)))
        if self.clahe_prob and rng.random() < self.clahe_prob:
            _equalize(image, self.clahe)
        if self.jpeg_prob and rng.random() < self.jpeg_prob:
            _compress(image, int(rng.integers(self.jpeg[0], self.jpeg[1] + 1)))

    def _color_matrix(self, rng: np.random.Generator) -> np.ndarray:
        """(3, 4) float32: saturation and hue in YIQ, then contrast about mid-grey and brightness, all linear in BGR."""
        saturation = 0.0 if rng.random() < self.grey_prob else 1 + rng.uniform(-self.saturation, self.saturation)
        angle = 2 * math.pi * rng.uniform(-self.hue, self.hue)
        contrast = 1 + rng.uniform(-self.contrast, self.contrast)
        gain = 1 + rng.uniform(-self.brightness, self.brightness)
        scale = gain * contrast
        weights = (scale, scale * saturation * math.cos(angle), scale * saturation * math.sin(angle), gain * 128 * (1 - contrast))
        return (weights @ _PARTS).reshape(3, 4).astype(np.float32)


def _gamma_table(gamma: float) -> np.ndarray:
    return np.rint(255 * _LEVELS ** gamma).astype(np.uint8)


def _add_noise(image: np.ndarray, rng: np.random.Generator, level: int) -> None:
    """Plus -level..level, as good as evenly: random bytes, drawn eight at a time and scaled while they are added, are the quickest."""
    words = rng.integers(0, 1 << 64, -(-image.size // 8), dtype=np.uint64)
    noise = words.view(np.uint8)[:image.size].reshape(image.shape)
    scale = (2 * level + 1) / 256
    cv2.addWeighted(image, 1.0, noise, scale, scale / 2 - level - 0.5, dst=image)


def _equalize(image: np.ndarray, clip_limit: float) -> None:
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB)
    lab[..., 0] = cv2.createCLAHE(clip_limit, (8, 8)).apply(lab[..., 0])
    cv2.cvtColor(lab, cv2.COLOR_LAB2BGR, dst=image)


def _compress(image: np.ndarray, quality: int) -> None:
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    image[...] = cv2.imdecode(coded, cv2.IMREAD_COLOR)
