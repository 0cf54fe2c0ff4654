"""What is told of somebody else's network once it is an integer file: executors, agreement with the original, latency."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mtzoo.cli.verify import print_report
from mtzoo.console import numbered, say
from mtzoo.progress import counted, show_progress
from mtzoo.strict_json import write_json

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for OpenVINO
    import numpy as np
    from rich.table import Table

    from mtzoo.foreign import Foreign
    from mtzoo.foreign.compare import Agreement

VERIFY_IMAGES, BENCH_RUNS = 8, 30


def deliver(source: "Foreign", path: Path, images: Sequence["np.ndarray"], threads: int | None) -> int:
    """Verify the file, compare it with the original, measure both; `comparison.json` beside it."""
    from mtzoo.deploy.load import read_deploy_file
    from mtzoo.foreign.compare import compare_outputs
    from mtzoo.foreign.latency import float_model, measure
    from mtzoo.runtime.executors import OnnxRuntimeExecutor
    from mtzoo.runtime.verify import verify

    with show_progress("verifying", transient=True) as on_progress:
        report = verify(path, counted(images[:VERIFY_IMAGES], on_progress))
    print_report(report)
    file, original = read_deploy_file(path), float_model(source)
    signature, inner = source.signature(), file.info.signature
    before, after = OnnxRuntimeExecutor(original, threads or 1), OnnxRuntimeExecutor(file.model, threads or 1)
    with show_progress("comparing with the original", transient=True) as on_progress:
        found = compare_outputs(counted(images, on_progress), lambda image: before.run(signature.encode(image)),
                                lambda image: after.run(inner.encode(image)))
    say(agreement_table(found, len(images)))
    latency = {}
    if threads is not None:
        with show_progress("measuring latency", transient=True) as on_progress:
            latency = measure(source, file, threads, BENCH_RUNS, lambda done: on_progress(done, BENCH_RUNS))
        say(", ".join(f"{name} {median:.1f} ms" for name, median in latency.items())
            + f" ({numbered(threads, 'thread')}, median of {BENCH_RUNS})")
    say(f"integer file: {path} ({file.size:,} bytes; float {original.ByteSize():,})")
    values = {"file": path.name, "bytes": file.size, "float_bytes": original.ByteSize(), "verify": report.mismatches,
              "values": report.values, "images": len(images), "latency_ms": latency,
              "outputs": {name: {"cosine": a.cosine, "argmax": a.argmax} for name, a in found.items()}}
    write_json(path.parent / "comparison.json", values, "choose another --save-dir")
    return 0 if report.passed else 1


def agreement_table(found: "dict[str, Agreement]", images: int) -> "Table":
    """A row for each output."""
    from rich.table import Table

    title = f"integer file against float network, {images} images it was not calibrated on"
    table = Table("output", "cosine", "same argmax", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, agreement in found.items():
        table.add_row(name, f"{agreement.cosine:.5f}", "-" if agreement.argmax is None else f"{100 * agreement.argmax:.2f} %")
    return table
