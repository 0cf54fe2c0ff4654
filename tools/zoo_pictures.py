"""Draws what each shipped model answers to one rendered road scene: the pictures of the model cards.

    python tools/zoo_pictures.py --out docs/images/zoo
    python tools/zoo_pictures.py --out pictures --models dashcam_resize real_resize --seed 7

The scene is rendered for the picture; no training has seen it. `mtzoo data synth` makes the same scene of the same seed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
from one_line_errors import one_line_errors

from mtzoo import DeployModel, list_models
from mtzoo.data.synthetic import write_dataset
from mtzoo.files import write_whole

SEED, SIZE = 3, (1080, 1920)
"""Trainings have seed 1, validations seed 2. The size is what the dashcam models are for."""
WIDTH, QUALITIES = 800, range(85, 30, -5)
MOST_BYTES = 60_000


def render(folder: Path, seed: int) -> Path:
    """One scene in `folder`; its image."""
    write_dataset(folder, 1, seed, size_hw=SIZE, workers=1)
    return next((folder / "images").iterdir())


def draw(name: str, image: Path, path: Path) -> None:
    """Write the scene with a model's answers to `path`: WIDTH pixels wide, the best JPEG of at most MOST_BYTES."""
    picture = DeployModel(name).predict(image).plot()
    small = cv2.resize(picture, (WIDTH, round(picture.shape[0] * WIDTH / picture.shape[1])), interpolation=cv2.INTER_AREA)
    for quality in QUALITIES:
        data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(data) <= MOST_BYTES:
            break
    write_whole(path, data, "choose another --out")


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures, NAME.jpg")
    parser.add_argument("--models", nargs="+", default=None, metavar="NAME", help="of the zoo; default: all")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the scene ({SEED})")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        image = render(Path(folder) / "scene", args.seed)
        for name in args.models or list_models():
            path = args.out / f"{name}.jpg"
            draw(name, image, path)
            print(f"{path}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
