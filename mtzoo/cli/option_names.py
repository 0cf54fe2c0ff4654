"""The same thing has the same name in every verb. Its names in other toolkits and in earlier versions are accepted, too."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple


class Name(NamedTuple):
    """what: what the option is in every verb; metavars: how the help may call its value; others: names that mean the same."""

    what: str
    metavars: tuple[str | None, ...]
    others: tuple[str, ...] = ()


NAMES: Mapping[str, Name] = MappingProxyType({
    "--config": Name("a config file, or a shipped one's name", ("CONFIG",), ("--cfg",)),
    "--checkpoint": Name("trained weights: a .pt checkpoint or zoo:NAME", ("CKPT", "MODEL_OR_CHECKPOINT"),
                         ("--model-path", "--load-from", "--weights", "--model")),
    "--model": Name("a deploy model, .onnx, or a zoo model's name", ("MODEL",), ("--checkpoint",)),
    "--out": Name("what the verb writes: a folder or a file", ("DIR", "FILE"), ("--save-dir", "--work-dir")),
    "--data": Name("the folder of a data set", ("DIR",), ("--src",)),
    "--images": Name("images: a folder or files", ("DIR", "IMAGES"), ("--pipeline", "--source")),
    "--num-images": Name("how many images", ("N",), ("--num", "--images")),
    "--workers": Name("processes or threads that read or draw images", ("N",), ("--num-workers",)),
    "--iters": Name("iterations of training", ("N",), ("--retraining-iters", "--distil-iters")),
    "--batch": Name("images in a call of a deploy model", ("N",)),
    "--batch-size": Name("images of a batch", ("N",), ("--batch",)),
    "--learning-rate": Name("the first learning rate", ("LR",), ("--lr", "--lr0")),
    "--min-score": Name("the least score of boxes", ("0..1[,CLASS=0..1]", "0..1"), ("--conf",)),
    "--ratio": Name("the share to remove or to make zero", ("R",), ("--pruning-ratio",)),
    "--size": Name("height and width", ("HxW",), ("--hw",)),
    "--ctx": Name("device: cpu or the number of a GPU", ("cpu|0", "cpu|cpu:N|0|0,1"), ("--device",)),
    "--deploy-hardware": Name("a hardware profile", ("H",), ("--profile",)),
    "--fallback": Name("the format of layers that are not quantized to 8 bits", (None,), ("--spare",)),
    "--val-share": Name("the share of the images for validation", ("0..1",)),
})


def main_name(option: str, known: Collection[str]) -> str:
    """The name that a verb with the options `known` has for what `option` means; `option` itself where it knows no other."""
    if option in known:
        return option
    return next((main for main, name in NAMES.items() if option in name.others and main in known), option)
