"""What is told of somebody else's network once it is an integer file: executors, agreement with the original, latency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from rich.table import Table

from mtzoo.console import PlainConsole, numbered
from mtzoo.deploy.file import DeployFile, read_deploy_file
from mtzoo.foreign import Foreign
from mtzoo.foreign.compare import Agreement, compare_outputs
from mtzoo.foreign.latency import float_model, measure
from mtzoo.progress import counted, show_progress
from mtzoo.runtime.executors import OnnxRuntimeExecutor
from mtzoo.runtime.verify import VerifyReport, verify
from mtzoo.runtime.verify_table import output_table
from mtzoo.strict_json import write_json

VERIFY_IMAGES, BENCH_RUNS = 8, 30


@dataclass(frozen=True)
class IntegerFile:
    """An integer file of a network that was not trained with mtzoo.

    Attributes:
        model: The ONNX file.
        report: The counts of differing values.
        agreement: Output name -> how close it is to that of the float network.
        images: The number of images of the comparison.
        latency_ms: Variant -> median latency in milliseconds. Empty if it was not measured.
    """

    model: Path
    report: VerifyReport
    agreement: Mapping[str, Agreement]
    images: int
    latency_ms: Mapping[str, float]

    @property
    def passed(self) -> bool:
        """Whether no value differs between executors."""
        return self.report.passed


def compare(source: Foreign, path: Path, out: Path, images: Sequence[np.ndarray], threads: int | None,
            console: PlainConsole) -> IntegerFile:
    """Verify the file, compare it with the original, measure both; `comparison.json` beside it.

    out: the folder in which both will be; images: (H, W, 3) uint8 BGR of the input's size; threads: of the latency measurement, None
    without one.
    """
    with show_progress("verifying", transient=True) as on_progress:
        report = verify(path, counted(images[:VERIFY_IMAGES], on_progress))
    console.print(output_table(report))
    console.print("equal" if report.passed else "NOT equal")
    file, original = read_deploy_file(path), float_model(source)
    found = agreement_of(source, file, original, images, threads or 1)
    console.print(agreement_table(found, len(images)))
    latency = {}
    if threads is not None:
        with show_progress("measuring latency", transient=True) as on_progress:
            latency = measure(source, file, threads, BENCH_RUNS, lambda done: on_progress(done, BENCH_RUNS))
        console.print(", ".join(f"{name} {median:.1f} ms" for name, median in latency.items())
                      + f" ({numbered(threads, 'thread')}, median of {BENCH_RUNS})")
    console.print(f"integer file: {out / path.name} ({file.size:,} bytes; float {original.ByteSize():,})")
    made = IntegerFile(out / path.name, report, found, len(images), latency)
    write_json(path.parent / "comparison.json", comparison_values(made, file.size, original.ByteSize()), "choose another --out")
    return made


def agreement_of(source: Foreign, file: DeployFile, original: onnx.ModelProto, images: Sequence[np.ndarray],
                 threads: int) -> dict[str, Agreement]:
    """Output -> how close the file's is to the original's, both in ONNX Runtime."""
    signature, inner = source.signature(), file.info.signature
    before, after = OnnxRuntimeExecutor(original, threads), OnnxRuntimeExecutor(file.model, threads)
    with show_progress("comparing with the original", transient=True) as on_progress:
        return compare_outputs(counted(images, on_progress), lambda image: before.run(signature.encode(image)),
                               lambda image: after.run(inner.encode(image)))


def comparison_values(made: IntegerFile, size: int, float_size: int) -> dict[str, object]:
    """What `comparison.json` holds; sizes in bytes."""
    return {"file": made.model.name, "bytes": size, "float_bytes": float_size, "verify": made.report.mismatches,
            "values": made.report.values, "images": made.images, "latency_ms": dict(made.latency_ms),
            "outputs": {name: {"cosine": a.cosine, "argmax": a.argmax} for name, a in made.agreement.items()}}


def agreement_table(found: Mapping[str, Agreement], images: int) -> Table:
    """A row for each output."""
    title = f"integer file against float network, {numbered(images, 'image')} it was not calibrated on"
    table = Table("output", "cosine", "same argmax", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, agreement in found.items():
        table.add_row(name, f"{agreement.cosine:.5f}", "-" if agreement.argmax is None else f"{100 * agreement.argmax:.2f} %")
    return table
