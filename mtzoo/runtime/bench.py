"""Latency of a deploy model and of the float network it stands for, side by side in one run.

All variants do the same work on the same images: network and post-processing. The float ones run a plain float
graph without quantizers. Rounds are interleaved, so that a busy or throttled machine slows all of them alike; within a round
each is warmed up anew, so that none pays for the one before it.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import onnx
import torch

from mtzoo.deploy.export import build_model
from mtzoo.deploy.file import DeployFile, read_deploy_file
from mtzoo.deploy.info import DeployInfo
from mtzoo.deploy.load import fake_quant_network, network_outputs, stored_integers
from mtzoo.deploy.reference import reference_network
from mtzoo.errors import UserError
from mtzoo.models import MultiTaskNet
from mtzoo.postprocess.prediction import to_prediction
from mtzoo.quantization import set_fake_quant
from mtzoo.runtime.answers import has_answers
from mtzoo.runtime.executors import Arrays, OnnxRuntimeExecutor, OpenVinoExecutor, Precision
from mtzoo.runtime.feeds import noise_feeds, seen_image
from mtzoo.runtime.timing import interleaved, machine

INT8, MIXED, FLOAT = "int8", "mixed", "float"
"""What a file is called: of an integer network, or of one that is none."""
BF16 = "openvino bf16"
FLOAT_RUNTIMES = ("onnxruntime fp32", "openvino fp32")


@dataclass(frozen=True)
class BenchReport:
    """Latency and size of a deploy model.

    Attributes:
        machine: The CPU.
        threads: CPU threads.
        runs: Interleaved rounds.
        latency_ms: The median of each variant in milliseconds, e.g. `"openvino int8"`, `"openvino fp32"`.
        latency_min_ms: The fastest round of each variant in milliseconds.
        bytes: The size of the file, and of the float graph.
        parameters: The number of parameters.
        form: The form of the file: `"int8"`, `"mixed"` or `"float"`.
        batch: The images of one inference. Latencies are those of one image.
    """

    machine: str
    threads: int
    runs: int
    latency_ms: Mapping[str, float]
    latency_min_ms: Mapping[str, float]
    bytes: Mapping[str, int]
    parameters: int
    form: str = INT8
    batch: int = 1

    @property
    def deployed(self) -> str:
        """The variant in `latency_ms` that is the file itself."""
        return f"openvino {self.form}"

    @property
    def speedup_over_float(self) -> float:
        """How many times as fast the file is as the faster of the two fp32 runtimes."""
        return min(self.latency_ms[name] for name in FLOAT_RUNTIMES) / self.latency_ms[self.deployed]

    @property
    def speedup_over_bf16(self) -> float:
        """How many times as fast the file is as OpenVINO in bf16."""
        return self.latency_ms[BF16] / self.latency_ms[self.deployed]


def bench(model_path: str | Path, threads: int = 2, runs: int = 50, on_round: Callable[[int], None] | None = None) -> BenchReport:
    """Measure `runs` interleaved rounds on `threads` threads. on_round: told the number of rounds done.

    Raises UserError for numbers below 1.
    """
    (report,) = _measure([model_path], threads, runs, on_round)
    return report


def bench_against(model_path: str | Path, base_path: str | Path, threads: int = 2, runs: int = 50,
                  on_round: Callable[[int], None] | None = None) -> tuple[BenchReport, BenchReport]:
    """`bench` of two files in the same rounds: what was made of a network, and the network it was made of."""
    report, base = _measure([model_path, base_path], threads, runs, on_round)
    return report, base


@dataclass(frozen=True)
class _Subject:
    """A file that is measured. calls: variant -> one inference."""

    form: str
    calls: Mapping[str, Callable[[], object]]
    batch: int
    bytes: Mapping[str, int]
    parameters: int


def _measure(paths: Sequence[str | Path], threads: int, runs: int, on_round: Callable[[int], None] | None) -> list[BenchReport]:
    if threads < 1 or runs < 1:
        raise UserError(f"threads={threads}, runs={runs}: both must be at least 1")
    subjects = [_subject(path, threads) for path in paths]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        calls = {(i, name): call for i, subject in enumerate(subjects) for name, call in subject.calls.items()}
        times = interleaved(calls, runs, on_round)
    finally:
        torch.set_num_threads(before)
    return [BenchReport(machine(), threads, runs, {name: statistics.median(times[i, name]) for name in subject.calls},
                        {name: min(times[i, name]) for name in subject.calls}, subject.bytes, subject.parameters, subject.form,
                        subject.batch)
            for i, subject in enumerate(subjects)]


def _subject(path: str | Path, threads: int) -> _Subject:
    file = read_deploy_file(path)
    form = _form(file)
    net = fake_quant_network(file, stored_integers(file)) if file.info.integer else reference_network(file)
    set_fake_quant(net, False)
    postprocess = has_answers(file.info)
    plain = build_model(net, file.info.tasks, file.info.geometry, file.info.input_format, quantized=False,
                        postprocess=postprocess, signature=file.info.signature, layout=file.info.input_layout, batch=file.info.batch)
    calls = _variants(file.info, net, plain, file.model, noise_feeds(file.info), threads, postprocess, form)
    return _Subject(form, calls, file.info.batch, {form: file.size, "fp32": plain.ByteSize()}, file.info.parameters)


def _form(file: DeployFile) -> str:
    """What the file is made of: integers only, integers and floats, or floats only."""
    if file.info.integer:
        return INT8
    return MIXED if any(node.op_type == "QuantizeLinear" for node in file.model.graph.node) else FLOAT


def _variants(info: DeployInfo, net: MultiTaskNet, plain: onnx.ModelProto, as_it_is: onnx.ModelProto, feeds: Arrays,
              threads: int, postprocess: bool, form: str) -> dict[str, Callable[[], object]]:
    """Name -> one inference."""
    executors = {FLOAT_RUNTIMES[0]: OnnxRuntimeExecutor(plain, threads), FLOAT_RUNTIMES[1]: OpenVinoExecutor(plain, threads),
                 BF16: OpenVinoExecutor(plain, threads, precision="bf16"),
                 f"openvino {form}": OpenVinoExecutor(as_it_is, threads)}
    images = torch.from_numpy(seen_image(info, feeds)).contiguous(memory_format=torch.channels_last)
    hw = info.geometry.input_hw
    decoders = {name: task.decoder for name, task in info.tasks.items()}

    def torch_float() -> object:
        outputs = network_outputs(net, images)
        if not postprocess:
            return outputs
        return to_prediction(outputs, [info.geometry.view(hw).affine] * info.batch, [hw] * info.batch, decoders)

    calls: dict[str, Callable[[], object]] = {"torch fp32": torch_float}
    calls |= {name: lambda executor=executor: executor.run(feeds) for name, executor in executors.items()}
    return calls


def compare_latency(models: Mapping[str, onnx.ModelProto], info: DeployInfo, threads: int, runs: int,
                    precisions: Mapping[str, Precision] = MappingProxyType({}),
                    on_round: Callable[[int], None] | None = None) -> dict[str, float]:
    """Name -> median ms of models with the same inputs in OpenVINO, in interleaved rounds: a base and what was made of it.

    precisions: of the float operators of those models that are not to run them in "f32"; on_round: told the number of rounds done.
    """
    feeds = noise_feeds(info)
    executors = {name: OpenVinoExecutor(model, threads, precisions.get(name, "f32")) for name, model in models.items()}
    times = interleaved({name: lambda e=executor: e.run(feeds) for name, executor in executors.items()}, runs, on_round)
    return {name: statistics.median(t) for name, t in times.items()}
