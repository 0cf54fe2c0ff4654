"""Post-training quantization of somebody else's float ONNX file."""

from pathlib import Path
from typing import Literal

from mtzoo.compression import OBSERVER_OF_FOREIGN, OF_FOREIGN
from mtzoo.console import PlainConsole
from mtzoo.engine.distributed import run_console
from mtzoo.progress import follows_console, show_progress
from mtzoo.recipes.foreign.comparison import IntegerFile, compare
from mtzoo.recipes.foreign.images import CALIB_IMAGES, batches_of, read_folder
from mtzoo.recipes.foreign.source import Distillation, FloatOnnx
from mtzoo.recipes.output_folder import claim_folder


@follows_console
def quantize_onnx(model: FloatOnnx, images: str | Path, out: str | Path | None = None, *, calib_images: int = CALIB_IMAGES,
                  observer: str = OBSERVER_OF_FOREIGN, equalize: str = OF_FOREIGN.equalize, bias_correction: bool = OF_FOREIGN.biases,
                  weight_bits: int = 8, dtype: Literal["float32", "uint8"] = "float32", distillation: Distillation | None = None,
                  limit: int | None = None, threads: int | None = 2, console: PlainConsole | None = None) -> IntegerFile:
    """Calibrate, write, verify, compare, measure: `<name>-int8.onnx` with the inputs and outputs of the original.

    images: a folder of images without labels, like those that the network will see: ranges are observed on at most `calib_images` and
    half of them, others compare; out: a new folder, default work_dirs/NAME-ptq; observer, equalize, bias_correction: see
    `mtzoo.from_onnx(...).quantize`; weight_bits: 8, or 7 for CPUs without VNNI; dtype: what the file reads, "uint8" for the pixels
    themselves; distillation: default none; limit: at most so many images to compare on; threads: of the latency measurement, None for
    none. Raises UserError for an operator without an exact integer form, a folder without images and one that holds something.
    """
    console, distillation = console or run_console(), distillation or Distillation()
    out = Path("work_dirs") / f"{model.name}-ptq" if out is None else Path(out)
    _lock = claim_folder(out, "--out")
    source = model.open(console)
    folder = read_folder(Path(images), source.input_hw, calib_images, limit)
    console.print(f"ranges: observer {observer} on {len(folder.calibration)} images, equalize {equalize}, bias correction "
                  f"{'on' if bias_correction else 'off'}, distillation {distillation.iterations or 'off'}")
    path = out / f"{model.name}-int8.onnx"
    with show_progress("quantizing", transient=True) as on_progress:
        quantized = source.quantize(batches_of(folder.calibration, source.order), observer=observer, equalize=equalize,
                                    bias_correction=bias_correction, weight_bits=weight_bits, device=distillation.device,
                                    distil_iterations=distillation.iterations, learning_rate=distillation.rate, on_progress=on_progress)
    for line in quantized.exactness(quantized.export(path, dtype=dtype)):
        console.print(line)
    return compare(source, path, folder.held_out, threads, console)
