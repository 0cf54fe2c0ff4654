"""The mistakes of an evaluation, as pictures: confusion matrices or curves, and the images that went worst."""

from dataclasses import dataclass
from pathlib import Path

from mtzoo.config import ExperimentConfig
from mtzoo.console import PlainConsole
from mtzoo.engine.distributed import on_main
from mtzoo.engine.evaluate import Predictor, details_of, evaluate_shown
from mtzoo.engine.mistakes import find_mistakes
from mtzoo.engine.pictures import write_jpeg
from mtzoo.evaluation.details import Details
from mtzoo.files import write_whole
from mtzoo.settings.mistakes import WORST
from mtzoo.strict_json import write_json
from mtzoo.visualization.figures import figure_bytes

ADVICE = "choose another --out"
EVALUATING = "evaluating"


@dataclass(frozen=True)
class Shown:
    """How an evaluation is shown. limit: images of each folder; out: the folder that mistakes are drawn in, None for none; worst:
    images of each task there, None for 8."""

    console: PlainConsole
    limit: int | None
    out: Path | None
    worst: int | None


def evaluate_and_draw(predict: Predictor, config: ExperimentConfig, show: Shown, *, batch_size: int) -> dict[str, float]:
    """Metrics; the mistakes are drawn if there is a folder for them. Several processes share the images."""
    details = None if show.out is None else details_of(config)
    metrics = evaluate_shown(EVALUATING, predict, config, batch_size=batch_size, limit=show.limit, details=details, spread=True)
    if details is not None:
        on_main(lambda: draw_mistakes(details, predict, config, show.out, show.worst or WORST))
    return metrics


def draw_mistakes(details: Details, predict: Predictor, config: ExperimentConfig, out: Path, count: int) -> None:
    """TASK.png, worst/TASK-NN-IMAGE.jpg, and their numbers in details.json."""
    values: dict[str, dict[str, object]] = {}
    for found in find_mistakes(details, predict, config, count):
        if found.figure is not None:
            write_whole(out / f"{found.task}.png", figure_bytes(found.figure, "png"), ADVICE)
        for i, image in enumerate(found.worst):
            write_jpeg(out / "worst" / f"{found.task}-{i:02d}-{image.score.path.stem}.jpg", image.picture, ADVICE)
        worst = [{"image": str(image.score.path), "score": image.score.score, "said": image.score.said} for image in found.worst]
        values[found.task] = {**found.values, "worst": worst}
    write_json(out / "details.json", values, ADVICE)
