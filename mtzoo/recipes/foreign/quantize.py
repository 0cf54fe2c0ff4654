"""Post-training quantization of somebody else's float ONNX file."""

from pathlib import Path
from typing import Literal

from mtzoo.console import PlainConsole, numbered
from mtzoo.engine.distributed import run_console
from mtzoo.progress import follows_console, show_progress
from mtzoo.recipes.foreign.comparison import IntegerFile, compare
from mtzoo.recipes.foreign.images import CALIB_IMAGES, batches_of, read_folder
from mtzoo.recipes.foreign.source import Distillation, FloatOnnx
from mtzoo.recipes.output_folder import new_folder
from mtzoo.settings.post_training import OBSERVER_OF_FOREIGN, OF_FOREIGN


@follows_console
def quantize_onnx(model: FloatOnnx, images: str | Path, out: str | Path | None = None, *, calib_images: int = CALIB_IMAGES,
                  observer: str = OBSERVER_OF_FOREIGN, equalize: str = OF_FOREIGN.equalize, bias_correction: bool = OF_FOREIGN.biases,
                  weight_bits: int = 8, dtype: Literal["float32", "uint8"] = "float32", distillation: Distillation | None = None,
                  limit: int | None = None, threads: int | None = 2, console: PlainConsole | None = None) -> IntegerFile:
    """Quantize a float ONNX file to exact integers, verify it, compare it with the original, and measure both.

    The result `NAME-int8.onnx` has the input and outputs of the original.

    Args:
        model: The float file and its input normalisation.
        images: A folder of images without labels, similar to those that the network will see.
        out: The output folder, new or empty. Default: `work_dirs/NAME-ptq`.
        calib_images: The number of images on which ranges are observed: at most half of the folder. Default: 64.
        observer: As in `Foreign.quantize`.
        equalize: As in `Foreign.quantize`.
        bias_correction: As in `Foreign.quantize`.
        weight_bits: 8, or 7 for CPUs without VNNI.
        dtype: `"float32"`: the file reads what the original reads. `"uint8"`: it reads pixels.
        distillation: Training with the float network as teacher. Default: none.
        limit: The number of images of the comparison. Default: 32.
        threads: The CPU threads of the latency measurement. None: latency is not measured.
        console: Where progress and tables are printed. Default: stdout.

    Raises:
        UserError: An operator has no exact integer form, the folder has no image, or `out` is not empty.
    """
    console, distillation = console or run_console(), distillation or Distillation()
    out = Path("work_dirs") / f"{model.name}-ptq" if out is None else Path(out)
    with new_folder(out, "--out") as place:
        source = model.open(console)
        folder = read_folder(Path(images), source.input_hw, calib_images, limit)
        console.print(f"ranges: observer {observer} on {numbered(len(folder.calibration), 'image')}, equalize {equalize}, "
                      f"bias correction {'on' if bias_correction else 'off'}, distillation {distillation.iterations or 'off'}")
        path = place / f"{model.name}-int8.onnx"
        with show_progress("quantizing", transient=True) as on_progress:
            quantized = source.quantize(batches_of(folder.calibration, source.order), observer=observer, equalize=equalize,
                                        bias_correction=bias_correction, weight_bits=weight_bits, device=distillation.device,
                                        distil_iterations=distillation.iterations, learning_rate=distillation.rate,
                                        soft_labels=distillation.soft_labels, on_progress=on_progress)
        for line in quantized.exactness(quantized.export(path, dtype=dtype)):
            console.print(line)
        return compare(source, path, out, folder.held_out, threads, console)
