"""From a trained network to its deploy model: exports, proof of equality, latency, pictures, report."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch

from mtzoo.config import ExperimentConfig
from mtzoo.console import numbered
from mtzoo.deploy.exactness import exactness_lines
from mtzoo.deploy.export import export_model
from mtzoo.engine.checkpoint_values import StageRecord
from mtzoo.engine.evaluate import Predictor, details_of, evaluate_shown, network_predictor
from mtzoo.engine.integer_step import compare, require_equal, to_integers
from mtzoo.engine.mistakes import find_mistakes
from mtzoo.engine.pictures import draw_stage, originals, pick_samples
from mtzoo.engine.run import Run
from mtzoo.engine.stages import INTEGER_STEP
from mtzoo.evaluation.details import Details
from mtzoo.evaluation.table import format_table, summary_line
from mtzoo.models.costs import node_costs
from mtzoo.progress import counted, show_progress
from mtzoo.recipes.models import export_spec, model_predictor
from mtzoo.runtime.bench import BenchReport, bench
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.verify import VerifyReport, verify
from mtzoo.structures import Sample
from mtzoo.visualization.figures import figure_bytes
from mtzoo.visualization.report import (
    Chart,
    Mistakes,
    NodeShare,
    Picture,
    Report,
    StepReport,
    VerifyCounts,
    write_report,
)

PICTURES = 4
VERIFY_IMAGES = 16
BENCH_RUNS, BENCH_RUNS_IN_TEST = 30, 5


def export_stage(run: Run, step: int, quantized: bool) -> None:
    """What is written when a stage ends: predictions on the same images, and the export with raw maps of a quantized stage."""
    run.work_dir.check_there()
    predict = network_predictor(run.net.eval(), run.config, run.device)
    name = run.stage_name(step, quantized)
    draw_stage(predict, run.config, run.work_dir.path / "pictures" / name, pick_samples(run.config, PICTURES))
    run.console.print(f"{name}: {summary_line(run.history[-1].metrics)}")
    if quantized:
        path = run.work_dir.file(step, "export-last", ".onnx")
        export_model(run.net, export_spec(run.config, step), path, postprocess=False)
        run.console.print(f"exported {path}")


@dataclass(frozen=True)
class QuantTrainResult:
    """What `quant_train` returns.

    Attributes:
        out: The folder of the run.
        model: The integer deploy model, an ONNX file.
        report: The report, an HTML page. `report.json` beside it has the same numbers.
        metrics: Metrics of the deploy model in percent, e.g. `{"seg/mIoU": 57.5}`. NaN without ground truth.
        verify: How many output values differ between executors.
        bench: Latency and size.
    """

    out: Path
    model: Path
    report: Path
    metrics: Mapping[str, float]
    verify: VerifyReport
    bench: BenchReport

    @property
    def passed(self) -> bool:
        """Whether the outputs of all executors equal those of the validated network."""
        return self.verify.passed


def deploy_run(run: Run, command: str) -> QuantTrainResult:
    """Step 3, its deploy model, verify, bench, report."""
    config, console = run.config, run.console
    samples = pick_samples(config, 2 if run.pipeline_test else VERIFY_IMAGES)
    integer = to_integers(run)
    equality = compare(run, integer, [input_tensor(sample) for sample in samples])
    console.print(f"step 3 against step 2: {equality.total} of {equality.values:,} raw values differ on "
                  f"{numbered(equality.images, 'image')}")
    require_equal(equality)
    run.work_dir.check_there()
    path = run.work_dir.file(INTEGER_STEP, "export-last", ".onnx")
    info = export_model(run.net, export_spec(config, INTEGER_STEP), path, postprocess=True)
    exactness = exactness_lines(run.net, info)
    for line in exactness:
        console.print(line)
    with show_progress("verifying", transient=True) as on_progress:
        verified = verify(path, originals(counted(samples, on_progress)))
    console.print(f"verify: {verified.values:,} values on {numbered(verified.images, 'image')}, differing: {verified.mismatches}")
    metrics, mistakes = evaluate_deployed(run, path)
    threads = os.cpu_count() or 1
    measured = bench_shown(path, threads, BENCH_RUNS_IN_TEST if run.pipeline_test else BENCH_RUNS)
    run.work_dir.check_there()
    html, _ = write_report(build_report(run, command, path, verified, measured, exactness, mistakes), run.work_dir.path)
    console.print(f"deploy model: {path} ({path.stat().st_size:,} bytes)")
    console.print(f"report: {html}")
    return QuantTrainResult(run.work_dir.path, path, html, metrics, verified, measured)


def input_tensor(sample: Sample) -> torch.Tensor:
    """(1, 3, H, W) uint8, what the network sees of an evaluation sample."""
    return torch.from_numpy(sample.image).permute(2, 0, 1)[None].contiguous()


def bench_shown(path: Path, threads: int, runs: int) -> BenchReport:
    """`bench`, its progress shown."""
    with show_progress("measuring latency", transient=True) as on_progress:
        return bench(path, threads, runs, lambda done: on_progress(done, runs))


def evaluate_deployed(run: Run, path: Path) -> tuple[dict[str, float], list[Mistakes]]:
    """Step 3's metrics are those of the file itself, run by OpenVINO with its own post-processing. And what it gets wrong."""
    predict, details = model_predictor(DeployModel.load(path)), details_of(run.config)
    name = run.config.solver[INTEGER_STEP].prefix
    metrics = evaluate_shown(f"{name}: evaluating", predict, run.config, batch_size=1, limit=run.eval_limit,
                             details=details)
    run.history.append(StageRecord(name, metrics))
    draw_stage(predict, run.config, run.work_dir.path / "pictures" / name, pick_samples(run.config, PICTURES))
    run.console.print(f"{name}: {summary_line(metrics)}")
    if not run.pipeline_test:
        run.console.print(format_table(metrics))
    return metrics, report_mistakes(details, predict, run.config)


def report_mistakes(details: Details, predict: Predictor, config: ExperimentConfig) -> list[Mistakes]:
    """A chart and the worst images of each task, for the report."""
    return [Mistakes(found.task, Chart(f"{found.task}: chart", figure_bytes(found.figure, "svg")) if found.figure else None,
                     [Picture.from_image(f"{image.score.path.name}: {image.score.said}", image.picture) for image in found.worst],
                     found.values)
            for found in find_mistakes(details, predict, config, PICTURES)]


def build_report(run: Run, command: str, path: Path, verified: VerifyReport, measured: BenchReport,
                 exactness: Sequence[str], mistakes: Sequence[Mistakes]) -> Report:
    """Everything the run has found out. exactness: of `exactness_lines`; mistakes: of `evaluate_deployed`."""
    import onnxruntime  # here: `train`, which needs neither, would wait for them
    import openvino

    costs = node_costs(run.net, run.config.deploy_geometry.input_hw)
    sizes = {file.name: file.stat().st_size for file in sorted(run.work_dir.path.glob("*export-last.onnx"))}
    environment = {"machine": platform.processor() or platform.machine(), "threads": str(measured.threads),
                   "torch": torch.__version__, "onnxruntime": onnxruntime.__version__, "openvino": openvino.__version__}
    speeds = [f"{r.name}: {r.seconds:.0f} s of training, {1e3 * r.seconds / r.curve[-1][0]:.0f} ms an iteration, "
              f"{100 * r.data_wait:.1f} % of it waiting for data" for r in run.history if r.curve]
    return Report(config=run.config.name, command=command,
                  steps=[stage_report(run.work_dir.path, record) for record in run.history],
                  nodes=[NodeShare(c.name, c.params, c.macs, c.tasks) for c in costs],
                  latency_ms=measured.latency_ms, bytes={**sizes, **measured.bytes},
                  verify=VerifyCounts(verified.images, verified.values, verified.mismatches),
                  environment=environment, notes=[*speeds, *exactness], mistakes=mistakes)


def stage_report(work_dir: Path, record: StageRecord) -> StepReport:
    files = sorted((work_dir / "pictures" / record.name).glob("*.jpg"))
    pictures = [Picture.from_image(file.stem, cv2.imread(str(file))) for file in files]
    return StepReport(record.name, record.metrics, record.curve, record.seconds, pictures, record.validation)
