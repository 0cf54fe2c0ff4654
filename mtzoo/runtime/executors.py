"""ONNX Runtime and OpenVINO behind one call: feeds by name in, outputs by name out."""

import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import onnx
from google.protobuf.message import EncodeError

from mtzoo.deploy.requirements import largest_weights, unsafe_weights
from mtzoo.errors import Caution, UserError, did_you_mean
from mtzoo.runtime.baked import bake_weights
from mtzoo.runtime.joined import join_neighbours
from mtzoo.runtime.model_cache import Options, compile_model
from mtzoo.runtime.regroup import regroup
from mtzoo.runtime.rounded_late import round_behind_concat
from mtzoo.runtime.saturation import loses_sums, probe_model
from mtzoo.runtime.shuffles import shuffles_in_weights
from mtzoo.runtime.wide_integers import wide_integers_as_floats

if TYPE_CHECKING:
    import openvino

MESSAGE = 200
"""Characters of a runtime's message that are shown."""
Precision = Literal["f32", "bf16"]
OptimisationLevel = Literal["off", "basic", "extended", "all"]
Arrays = dict[str, np.ndarray]


class Executor(Protocol):
    """A compiled model. `run` returns fresh arrays: they stay valid after the next call.

    float_layers: int8 layers that run in float32, because the CPU's int8 kernels would saturate.
    """

    output_names: tuple[str, ...]
    float_layers: int

    def run(self, feeds: Mapping[str, np.ndarray]) -> Arrays: ...


@contextmanager
def in_one_line(runtime: str, does: str) -> Iterator[None]:
    """Whatever a runtime raises, at loading or running, as one UserError: each has its own kinds, and a model may be hostile."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{runtime} cannot {does} this model ({text[:MESSAGE]}); try the other executor, or export the model "
                        "again") from error


class OnnxRuntimeModel:
    """An ONNX file in a session of ONNX Runtime. float_layers: none, unless a subclass makes them so."""

    float_layers = 0

    def __init__(self, content: bytes, output_names: Sequence[str], threads: int, providers: Sequence[str], *,
                 level: OptimisationLevel = "all", disabled: Sequence[str] = ()) -> None:
        """providers: "CPUExecutionProvider" and others, the first that can takes an operator; level, disabled: its graph
        optimisations. Raises UserError for a provider that ONNX Runtime has not or cannot start."""
        try:
            import onnxruntime
        except ImportError as error:
            raise UserError(f"ONNX Runtime is not installed ({error}); pip install onnxruntime") from error
        if unknown := set(providers) - set(onnxruntime.get_available_providers()):
            raise UserError(f"the installed ONNX Runtime has no {unknown.pop()}; onnxruntime-gpu has one")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = {"off": levels.ORT_DISABLE_ALL, "basic": levels.ORT_ENABLE_BASIC,
                                            "extended": levels.ORT_ENABLE_EXTENDED, "all": levels.ORT_ENABLE_ALL}[level]
        options.log_severity_level = 4  # what goes wrong is an exception, and told in one line
        self.output_names = tuple(output_names)
        with in_one_line("ONNX Runtime", "load"):
            self._session = onnxruntime.InferenceSession(content, options, providers=list(providers),
                                                         disabled_optimizers=list(disabled))
        if missing := set(providers) - set(self._session.get_providers()):
            raise UserError(f"ONNX Runtime cannot start {missing.pop()}: this machine has no GPU for it, or its libraries are missing")

    def run(self, feeds: Mapping[str, np.ndarray]) -> Arrays:
        with in_one_line("ONNX Runtime", "run"):
            return dict(zip(self.output_names, self._session.run(list(self.output_names), dict(feeds))))


class OnnxRuntimeExecutor(OnnxRuntimeModel):
    """ONNX Runtime on the CPU. Where its int8 kernels saturate, layers of large weights run in float32.

    as_is: run them in int8 all the same; level: of ONNX Runtime's graph optimisations.
    """

    def __init__(self, model: onnx.ModelProto, threads: int, *, as_is: bool = False, level: OptimisationLevel = "all") -> None:
        unsafe = set() if as_is else _saturating("onnxruntime", model)
        self.float_layers = len(unsafe)
        with in_one_line("ONNX Runtime", "load"):
            content = serialized(bake_weights(model, unsafe))
        # they would fold BN into weights that are on their grid, and make integers of 8 bits of those in float again
        disabled = ["ConvBNFusion", "WeightBiasQuantization"] if unsafe else []
        super().__init__(content, [output.name for output in model.graph.output], threads, ["CPUExecutionProvider"], level=level,
                         disabled=disabled)


@cache
def openvino_core() -> "openvino.Core":
    """One for the process, never freed: with the last Core goes the signal stack that its CPU plugin has set up, and the next
    signal that Python handles, such as the end of a data loader's worker, kills the process."""
    import openvino

    return openvino.Core()


class OpenVinoModel:
    """An ONNX file compiled by OpenVINO for the CPU. float_layers: none, unless a subclass makes them so."""

    float_layers = 0

    def __init__(self, content: bytes, output_names: Sequence[str], options: Options, cache_folder: Path | None = None) -> None:
        """cache_folder: of compiled models, see `mtzoo.runtime.model_cache`; None: nothing is kept."""
        try:
            import openvino  # noqa: F401  # to tell of its absence
        except ImportError as error:
            raise UserError(f"OpenVINO is not installed ({error}); pip install openvino") from error
        self.output_names = tuple(output_names)
        with in_one_line("OpenVINO", "load"):
            self._request = compile_model(openvino_core(), content, options, cache_folder).create_infer_request()
        self._lock = threading.Lock()

    def run(self, feeds: Mapping[str, np.ndarray]) -> Arrays:
        with self._lock, in_one_line("OpenVINO", "run"):  # the request's tensors hold one inference at a time
            self._request.infer(dict(feeds), share_inputs=True)
            return {name: self._request.get_tensor(name).data.copy() for name in self.output_names}

    def operator_times(self) -> list[tuple[str, str, float]]:
        """(name, kind, microseconds) of the last run's operators, after OpenVINO has fused them, if it was told to count."""
        return [(p.node_name, p.node_type, 1e6 * p.real_time.total_seconds()) for p in self._request.get_profiling_info()]


def serialized(model: onnx.ModelProto) -> bytes:
    """The file's content. Raises UserError for a network that is too large for one, as layers that run in float32 may make it."""
    try:
        return model.SerializeToString()
    except EncodeError as error:
        raise UserError("as it would run on this CPU the network takes more than the 2 GiB that an ONNX file can have; layers in "
                        "float32 take four times their int8 size, so use a CPU with VNNI or a smaller network") from error


class OpenVinoExecutor(OpenVinoModel):
    """OpenVINO on the CPU. Integer models are arranged for its kernels, 16-bit ones mended; float ones may run in bf16. Where its
    int8 kernels saturate, layers of large weights run in float32.

    sparse_rate: layers with more than this share of zero weights may be stored compressed, which OpenVINO does where it can; 1: none.
    count: keep the time of each operator, for `operator_times`. as_is: run every layer in int8 all the same. cache_folder: of compiled
    models; None: nothing is kept.
    """

    def __init__(self, model: onnx.ModelProto, threads: int, precision: Precision = "f32", sparse_rate: float = 1.0, *,
                 count: bool = False, as_is: bool = False, cache_folder: Path | None = None) -> None:
        # Precision is stated because the default on CPUs with bf16 units is bf16, also for the float ends of an integer
        # network. Dynamic quantization would round activations once more. The rate is text because 2024.x takes no number.
        options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY",
                   "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0", "CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE": str(sparse_rate),
                   "PERF_COUNT": count}
        unsafe = set() if as_is else _saturating("openvino", model)
        self.float_layers = len(unsafe)
        form = shuffles_in_weights(bake_weights(model, unsafe))
        form = wide_integers_as_floats(regroup(join_neighbours(round_behind_concat(form))))
        super().__init__(serialized(form), [output.name for output in model.graph.output], options, cache_folder)


EXECUTORS = {"openvino": OpenVinoExecutor, "onnxruntime": OnnxRuntimeExecutor}


@cache
def saturates(name: str) -> bool:
    """Whether the int8 kernels of a runtime saturate on this CPU. Found out once, by running them."""
    return loses_sums(EXECUTORS[name](probe_model(), 1, as_is=True).run)


_warned: set[str] = set()
"""Runtimes of which the user has been warned in this process."""


def _saturating(runtime: str, model: onnx.ModelProto) -> set[str]:
    """Stored weights of the layers whose sums would saturate on this CPU. Warns of them once per process and runtime."""
    unsafe = unsafe_weights(model)
    if not unsafe or not saturates(runtime):
        return set()
    if runtime not in _warned:
        _warned.add(runtime)
        warnings.warn(f"{runtime}: int8 kernels saturate on this CPU, which has no VNNI or is kept from it; {len(unsafe)} of "
                      f"{len(largest_weights(model))} layers run in float32: the same answers, but slower. `mtzoo export CHECKPOINT "
                      "--weight-bits 7` makes a file that runs in int8 on every CPU", Caution, stacklevel=4)
    return unsafe


def build_executor(name: str, model: onnx.ModelProto, threads: int, cache_folder: Path | None = None) -> Executor:
    """Compile `model` for "openvino" or "onnxruntime". Raises UserError for another name or a package that is missing.

    cache_folder: of models that OpenVINO has compiled; None: nothing is kept.
    """
    if not isinstance(threads, int) or threads < 1:
        raise UserError(f"threads={threads!r}: expected a whole number of CPU threads, 1 or more")
    if name not in EXECUTORS:
        raise UserError(f"executor '{name}': no such executor{did_you_mean(str(name), EXECUTORS)}")
    if name == "openvino":
        return OpenVinoExecutor(model, threads, cache_folder=cache_folder)
    return EXECUTORS[name](model, threads)
