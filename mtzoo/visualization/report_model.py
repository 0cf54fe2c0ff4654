"""What a report says of a run: the figures of every step, of the graph, of speed, size and equality."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

EXECUTORS = ("integer", "onnxruntime", "openvino")
"""What is compared with the network that was validated."""


@dataclass(frozen=True)
class Picture:
    """A picture small enough for a page. title: which image; the same title in each step makes a row of the report."""

    title: str
    jpeg: bytes

    @classmethod
    def from_image(cls, title: str, image: np.ndarray, max_width: int = 800, quality: int = 85) -> "Picture":
        """image: (H, W, 3) uint8 BGR, shrunk to `max_width`."""
        height, width = image.shape[:2]
        if width > max_width:
            image = cv2.resize(image, (max_width, round(height * max_width / width)), interpolation=cv2.INTER_AREA)
        return cls(title, cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())

    @property
    def data_uri(self) -> str:
        return f"data:image/jpeg;base64,{b64encode(self.jpeg).decode()}"


@dataclass(frozen=True)
class StepReport:
    """One step of training. metrics: flat, percent ("seg_default/mIoU"); loss_curve: (iteration of this step, {loss: value});
    validation: (iteration of this step, metrics)."""

    name: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    loss_curve: Sequence[tuple[int, Mapping[str, float]]] = ()
    seconds: float = 0.0
    pictures: Sequence[Picture] = ()
    validation: Sequence[tuple[int, Mapping[str, float]]] = ()


@dataclass(frozen=True)
class Chart:
    """A figure for a page. title: what it shows; svg: a whole SVG file."""

    title: str
    svg: bytes

    @property
    def data_uri(self) -> str:
        return f"data:image/svg+xml;base64,{b64encode(self.svg).decode()}"


@dataclass(frozen=True)
class Mistakes:
    """What the last step gets wrong in one task. chart: confusion matrix or curves, None without ground truth; worst: pictures of the
    images that went worst, the worst first; values: the chart's figures as plain data."""

    task: str
    chart: Chart | None
    worst: Sequence[Picture]
    values: Mapping[str, object]


@dataclass(frozen=True)
class NodeShare:
    """One node of the graph. macs: multiply-accumulates per image at the deploy input; tasks: those that need it."""

    name: str
    params: int
    macs: int
    tasks: Sequence[str]


@dataclass(frozen=True)
class VerifyCounts:
    """Values compared with the validated network, over all images and outputs, and how many of them differ per executor."""

    images: int
    values: int
    mismatches: Mapping[str, int]

    def __post_init__(self) -> None:
        if missing := [name for name in EXECUTORS if name not in self.mismatches]:
            raise ValueError(f"verify counts lack {', '.join(missing)}")


@dataclass(frozen=True)
class Report:
    """Everything a report says. latency_ms: executor -> median, ms; bytes: file -> size; environment: what it ran on
    (machine, threads, versions); verify is None if it was not run."""

    config: str
    command: str
    steps: Sequence[StepReport]
    nodes: Sequence[NodeShare] = ()
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    bytes: Mapping[str, int] = field(default_factory=dict)
    verify: VerifyCounts | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    mistakes: Sequence[Mistakes] = ()


def report_to_dict(report: Report) -> dict[str, object]:
    """Plain data for JSON: pictures left out."""
    verify = report.verify
    return {
        "config": report.config,
        "command": report.command,
        "environment": dict(report.environment),
        "steps": [{"name": s.name, "metrics": dict(s.metrics), "seconds": s.seconds,
                   "loss_curve": [[iteration, dict(losses)] for iteration, losses in s.loss_curve],
                   "validation": [[iteration, dict(metrics)] for iteration, metrics in s.validation]} for s in report.steps],
        "nodes": [{"name": n.name, "params": n.params, "macs": n.macs, "tasks": list(n.tasks)} for n in report.nodes],
        "verify": {
            "images": verify.images if verify else 0,
            "values": verify.values if verify else 0,
            "mismatches": dict(verify.mismatches) if verify else dict.fromkeys(EXECUTORS),
        },
        "latency_ms": dict(report.latency_ms),
        "bytes": dict(report.bytes),
        "notes": list(report.notes),
        "mistakes": {each.task: {**each.values, "worst": [picture.title for picture in each.worst]} for each in report.mistakes},
    }
