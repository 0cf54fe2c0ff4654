"""What goes wrong in an evaluation, as pictures: confusion matrices or curves, and the images that went worst."""

from pathlib import Path

from mtzoo.config import ExperimentConfig
from mtzoo.console import PlainConsole
from mtzoo.engine.evaluate import Predictor, details_of, evaluate_shown
from mtzoo.engine.mistakes import find_mistakes
from mtzoo.engine.pictures import write_jpeg
from mtzoo.evaluation.details import Details
from mtzoo.files import write_whole
from mtzoo.strict_json import write_json
from mtzoo.visualization.figures import figure_bytes

ADVICE = "choose another --out"
EVALUATING = "evaluating"
WORST = 8
"""Images of each task."""


def evaluate_and_draw(predict: Predictor, config: ExperimentConfig, console: PlainConsole, *, batch_size: int, limit: int | None,
                      out: Path | None, worst: int | None) -> dict[str, float]:
    """Metrics; what goes wrong is drawn in the folder `out`, if there is one."""
    details = None if out is None else details_of(config)
    metrics = evaluate_shown(EVALUATING, predict, config, batch_size=batch_size, limit=limit, details=details)
    if details is not None:
        draw_mistakes(details, predict, config, out, worst or WORST)
        console.print(f"what goes wrong: {out}")
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
