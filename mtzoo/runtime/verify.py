"""Do all executors say what the validated network said? Counts of differing values, per output and executor.

The reference is the fake-quant torch network, rebuilt from the file. Compared are the integer torch network (raw maps and
label maps), ONNX Runtime and OpenVINO (raw maps, and the file's own label maps and boxes).
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.file import DeployFile, read_deploy_file
from mtzoo.deploy.info import DeployInfo
from mtzoo.deploy.load import fake_quant_network, integer_network, network_outputs, stored_integers
from mtzoo.deploy.signature import Signature
from mtzoo.errors import UserError
from mtzoo.runtime.answers import ANSWERS, Seen
from mtzoo.runtime.every_executor import OTHER_FORMATS, build_all, every_executor
from mtzoo.runtime.executors import Arrays, Executor, build_executor
from mtzoo.runtime.feeds import feeds_for_images, seen_image
from mtzoo.runtime.model import of_image
from mtzoo.runtime.raw import raw_outputs
from mtzoo.runtime.tally import SCORE_TOLERANCE, Tally
from mtzoo.runtime.wanted import WANTED, compare_exact
from mtzoo.structures import RawOutputs, flatten_outputs

RUNTIMES = ("onnxruntime", "openvino")


@dataclass(frozen=True)
class VerifyReport:
    """Counts of output values that differ from the validated network.

    Attributes:
        images: The number of images.
        executors: The counts of each executor: `"integer"` (in torch), `"onnxruntime"`, `"openvino"`.
        refused: Executors that cannot run the file, with their messages.
    """

    images: int
    executors: Mapping[str, Tally]
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def values(self) -> int:
        """The number of values compared in each of the two runtimes."""
        return max(sum(tally.values.values()) for tally in self.executors.values())

    @property
    def mismatches(self) -> dict[str, int]:
        """Executor -> number of values that differ."""
        return {name: sum(tally.mismatches.values()) for name, tally in self.executors.items()}

    @property
    def passed(self) -> bool:
        """Whether no value differs in any executor."""
        return not any(self.mismatches.values())


def verify(model_path: str | Path, images: Iterable[np.ndarray], *, threads: int = 1, every: bool = False,
           on_image: Callable[[int], None] | None = None) -> VerifyReport:
    """Compare all executors on images (H, W, 3) uint8 BGR of any size.

    every: all of `every_executor` instead of the two that `DeployModel` has; those that cannot run the file are named in the report.
    on_image: told the number of images done. Raises UserError if the file is no integer network's or there is no image.
    """
    file = read_deploy_file(model_path)
    state = stored_integers(file)
    groups = _grouped(images, file.info.batch)
    first = next(groups, None)
    if first is None:
        raise UserError(f"{model_path}: no image to verify it on; name a folder with images")
    reference, integer = fake_quant_network(file, state), integer_network(file, state)
    shapes = {name: tuple(value.shape) for name, value in flatten_outputs(network_outputs(reference, _blank(file.info))).items()}
    runtimes, refused = _runtimes(file, shapes, threads, first, every=every)
    tallies = {name: Tally() for name in ("integer", *runtimes)}
    done = 0
    for group in itertools.chain([first], groups):
        feeds = _feeds(file.info, group)
        seen = torch.from_numpy(seen_image(file.info, feeds))
        found = {name: (as_it_is.run(feeds), _only(raw.run(feeds), shapes)) for name, (as_it_is, raw) in runtimes.items()}
        for n, image in enumerate(group):
            expected = network_outputs(reference, seen[n:n + 1])
            with torch.no_grad():
                _compare_integer(tallies["integer"], file.info, expected, integer(seen[n:n + 1]))
            for name, (outputs, raw) in found.items():
                tallies[name].count_raw(expected, raw_outputs(of_image(raw, n)))
                if file.info.signature is not None:
                    _compare_foreign(tallies[name], file.info.signature, outputs, expected)
                else:
                    _compare_deployed(tallies[name], file.info, of_image(outputs, n), expected, image.shape[:2])
            done += 1
            if on_image is not None:
                on_image(done)
    return VerifyReport(done, tallies, refused)


def _grouped(images: Iterable[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    """As many at once as the model reads; the last ones may be fewer."""
    images = iter(images)
    while group := list(itertools.islice(images, size)):
        yield group


def _runtimes(file: DeployFile, shapes: Mapping[str, tuple[int, ...]], threads: int, images: Sequence[np.ndarray], *,
              every: bool) -> tuple[dict[str, tuple[Executor, Executor]], dict[str, str]]:
    """(name -> the file as it is, and with its raw maps as outputs; name -> why a runtime cannot run it). shapes: of the raw maps."""
    inside = with_raw_outputs(file.model, shapes)
    if not every:
        as_they_are = {name: build_executor(name, file.model, threads) for name in RUNTIMES}
        raw = as_they_are if inside is None else {name: build_executor(name, inside, threads) for name in RUNTIMES}
        return {name: (as_they_are[name], raw[name]) for name in RUNTIMES}, {}
    feeds = _feeds(file.info, images)
    as_they_are, refused = build_all(every_executor(), file.model, threads, feeds)
    raw, further = (as_they_are, {}) if inside is None else build_all(
        {name: build for name, build in every_executor().items() if name in as_they_are}, inside, threads, feeds)
    return {name: (as_they_are[name], raw[name]) for name in raw}, {**refused, **further, **OTHER_FORMATS}


def _feeds(info: DeployInfo, images: Sequence[np.ndarray]) -> Arrays:
    hws = [image.shape[:2] for image in images]
    return feeds_for_images(info, [info.geometry.view(hw).show(image) for hw, image in zip(hws, images)], hws)


def with_raw_outputs(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> onnx.ModelProto | None:
    """A copy whose raw maps are outputs as well; None if they all are already."""
    present = {output.name for output in model.graph.output}
    if present.issuperset(shapes):
        return None
    builder = GraphBuilder()
    for name, shape in shapes.items():
        if name not in present:
            builder.add_output(name, np.float32, shape)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(builder.outputs)
    return copy


def _blank(info: DeployInfo) -> Tensor:
    return torch.zeros(info.batch, 3, *info.geometry.input_hw, dtype=torch.uint8)


def _only(arrays: Arrays, names: Iterable[str]) -> Arrays:
    return {name: arrays[name] for name in names}


def _compare_integer(tally: Tally, info: DeployInfo, expected: RawOutputs, actual: RawOutputs) -> None:
    """The maps of the integer network, and what torch makes of them."""
    tally.count_raw(expected, actual)
    if info.signature is not None:
        return
    for name, task in info.tasks.items():
        made = WANTED[task.kind].exact(task, actual[name])
        compare_exact(tally, name, task, expected[name], {f"{name}.{key}": value for key, value in made.items()})


def _compare_deployed(tally: Tally, info: DeployInfo, outputs: Arrays, expected: RawOutputs, original_hw: tuple[int, int]) -> None:
    """The file's answers for one image, if it has them."""
    seen = Seen(info.geometry.view(original_hw).affine, original_hw)
    for name, task in info.tasks.items():
        if f"{name}.{ANSWERS[task.kind].output}" in outputs:
            WANTED[task.kind].compare(tally, name, task, expected[name], outputs, seen)


def _compare_foreign(tally: Tally, signature: Signature, outputs: Arrays, expected: RawOutputs) -> None:
    """The file's outputs under their own names. Behind a softmax or sigmoid only what is further apart than SCORE_TOLERANCE differs."""
    (maps,) = expected.values()
    wanted = signature.run_tail({name: value.numpy() for name, value in maps.items()})
    for output in signature.outputs:
        error = np.abs(wanted[output.name] - outputs[output.name])
        tally.count(output.name, error.size, int((error > (0 if output.exact else SCORE_TOLERANCE)).sum()))
        if not output.exact:
            tally.float_error = max(tally.float_error, float(error.max()))
