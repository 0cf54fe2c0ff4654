"""A model of one's own into a zoo's folder: deploy model, float weights, model card."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from mtzoo.errors import UserError
from mtzoo.locate import WEIGHTS_SUFFIX

if TYPE_CHECKING:
    from mtzoo.hub import Catalogue

Stored = Literal["float32", "float16", "int8"]


def push_model(name: str, zoo: Path, *, model: Path | None = None, checkpoint: Path | None = None, card: Path | None = None,
               stored: Stored = "float32") -> "Catalogue":
    """Put what is given into the folder `zoo`, which is made if need be; its catalogue then.

    model: a deploy model, whose sidecar goes with it; checkpoint: a float one, which becomes safetensors with its config; stored: how
    its weights are kept. Raises UserError for nothing to push, and for files that are none of these.
    """
    from mtzoo.deploy.file import read_deploy_file
    from mtzoo.engine.checkpoint import load_checkpoint
    from mtzoo.engine.weights_file import write_weights
    from mtzoo.hub import push

    if model is None and checkpoint is None and card is None:
        raise UserError("nothing to push; give --model, --checkpoint or --card")
    if stored != "float32" and checkpoint is None:
        raise UserError(f"{'--half' if stored == 'float16' else '--int8'} changes nothing without --checkpoint; leave it out")
    files: dict[str, Path] = {}
    if model is not None:
        read_deploy_file(model)
        files |= {".onnx": model, ".json": model.with_suffix(".json")}
    if card is not None:
        files[".md"] = card
    with TemporaryDirectory() as made:  # nothing gets into the zoo's folder before all files are there
        if checkpoint is not None:
            held = load_checkpoint(checkpoint)
            if held.progress.step != 0 or held.progress.quantized:
                raise UserError(f"--checkpoint {checkpoint}: a quantized checkpoint; expected a float one, named -float-last")
            files[WEIGHTS_SUFFIX] = Path(made) / f"{name}{WEIGHTS_SUFFIX}"
            write_weights(files[WEIGHTS_SUFFIX], held.config, held.network, stored=stored)
        return push(zoo, name, files)
