"""Somebody else's float ONNX file: the way of making it integers that suits it best, trained on if asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from mtzoo.console import PlainConsole, numbered
from mtzoo.engine.distributed import run_console
from mtzoo.foreign import Foreign
from mtzoo.foreign.search import Setting, Tried, search, settings, train_on
from mtzoo.progress import follows_console, show_progress
from mtzoo.recipes.compress.strategy import WINNER
from mtzoo.recipes.foreign.comparison import IntegerFile, compare
from mtzoo.recipes.foreign.images import CALIB_IMAGES, batches_of, read_folder
from mtzoo.recipes.foreign.source import Distillation, FloatOnnx
from mtzoo.recipes.output_folder import new_folder

Images = Sequence[np.ndarray]


@follows_console
def compress_onnx(model: FloatOnnx, images: str | Path, out: str | Path | None = None, *, calib_images: int = CALIB_IMAGES,
                  weight_bits: int = 8, dtype: Literal["float32", "uint8"] = "float32", distillation: Distillation | None = None,
                  limit: int | None = None, threads: int | None = 2, console: PlainConsole | None = None) -> IntegerFile:
    """Try all ways to calibrate a float ONNX file, keep the one that agrees best with the float network, and optionally distil.

    The result `compressed.onnx` is verified, compared with the original and measured. Nothing is pruned or made sparse.

    Args:
        model: The float file and its input normalisation.
        images: A folder of images without labels, similar to those that the network will see.
        out: The output folder, new or empty. Default: `work_dirs/NAME-compress`.
        calib_images: The number of images on which ranges are observed: at most half of the folder. Default: 64.
        weight_bits: 8, or 7 for CPUs without VNNI.
        dtype: `"float32"`: the file reads what the original reads. `"uint8"`: it reads pixels.
        distillation: Training with the float network as teacher. Its result is kept if it agrees better. Default: none.
        limit: The number of images that are not used for calibration. Default: 32.
        threads: The CPU threads of the latency measurement. None: latency is not measured.
        console: Where progress and tables are printed. Default: stdout.

    Raises:
        UserError: An operator has no exact integer form, the folder has no image, or `out` is not empty.
    """
    console, distillation = console or run_console(), distillation or Distillation()
    out = Path("work_dirs") / f"{model.name}-compress" if out is None else Path(out)
    with new_folder(out, "--out") as place:
        source = model.open(console)
        folder = read_folder(Path(images), source.input_hw, calib_images, limit)
        judging, held_out = folder.held_out[::2], folder.held_out[1::2]
        if not held_out:
            console.print(f"note: --images {images} has too few images: the best is chosen and compared on the same ones")
            held_out = judging
        observed, judged = (batches_of(part, source.order) for part in (folder.calibration, judging))
        console.print(f"{len(settings())} ways to calibrate, on {numbered(len(folder.calibration), 'image')}, "
                      f"chosen by {len(judging)} others: same argmax as the float network, or cosine where an output has one channel")
        setting, best = best_setting(source, observed, judged, weight_bits, distillation.device, console)
        if distillation.iterations:
            best = trained_on(source, best, observed, judged, distillation, console)
        console.print(f"taken: equalize {setting.equalize}, observer {setting.observer}, {100 * best.agreement:.2f} %")
        path = place / WINNER
        for line in best.quantized.exactness(best.quantized.export(path, dtype=dtype)):
            console.print(line)
        return compare(source, path, out, held_out, threads, console)


def best_setting(source: Foreign, images: Images, judged: Images, weight_bits: int, device: torch.device,
                 console: PlainConsole) -> tuple[Setting, Tried]:
    """`search`, each setting told with its agreement."""
    with show_progress("ways to calibrate", transient=True) as on_progress:
        found: list[float] = []

        def on_setting(tried: Setting, value: float) -> None:
            console.print(f"equalize {tried.equalize}, observer {tried.observer}: {100 * value:.2f} %")
            found.append(value)
            on_progress(len(found), len(settings()))

        return search(source, images, judged, weight_bits, on_setting, device)


def trained_on(source: Foreign, best: Tried, images: Images, judged: Images, distillation: Distillation,
               console: PlainConsole) -> Tried:
    """The network trained on, unless that gains nothing."""
    iterations = distillation.iterations
    with show_progress("distillation", transient=True) as on_progress:
        trained = train_on(source, best, images, judged, iterations, distillation.rate, distillation.device,
                           lambda done, _: on_progress(done, iterations), soft_labels=distillation.soft_labels)
    better = trained.agreement > best.agreement
    console.print(f"{numbered(iterations, 'iteration')} of distillation from the float network: {100 * trained.agreement:.2f} %"
                  f"{'' if better else ', no gain: they are left out'}")
    return trained if better else best

