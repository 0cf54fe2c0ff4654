"""Download zoo models, or share your own.

    mtzoo zoo list --from https://example.org/zoo
    mtzoo zoo pull seg_city --from https://example.org/zoo       # a folder or hf://user/repository, too
    mtzoo predict seg_city photos/ --out seen                    # a pulled model has a name, like a shipped one
    mtzoo train --config my_city --checkpoint zoo:seg_city       # its float weights are a start
    mtzoo zoo push seg_city --to zoo_folder --model int-inference-export-last.onnx --checkpoint with-bn-float-last.pt --card card.md

A zoo is a folder with `zoo.json`, which holds size and sha256 of every file; any web server can serve it. Only files that cannot run
code are downloaded: ONNX with its sidecar, safetensors, Markdown. They are stored in the user's data folder, or in MTZOO_ZOO.
"""

import argparse
from pathlib import Path

from mtzoo.cli.outputs import output_folder
from mtzoo.cli.parser import add_subverb
from mtzoo.console import numbered, say
from mtzoo.hub import Catalogue, open_source, pull, read_catalogue
from mtzoo.hub.catalogue import FILE, MAX_BYTES, check_name
from mtzoo.locate import list_models, pulled_folder, shipped_folder
from mtzoo.recipes.push_model import push_model

HELP = "pull zoo models from a folder, a web server or Hugging Face; push your own"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="zoo_verb", required=True, metavar="{list,pull,push}")
    shown = add_subverb(verbs, "list", "list the models of a zoo, with their files", "mtzoo zoo list --from https://example.org/zoo")
    shown.add_argument("--from", dest="source", required=True, metavar="ZOO", help="a folder, http(s)://... or hf://user/repository")
    got = add_subverb(verbs, "pull", "download a model", "mtzoo zoo pull seg_city --from hf://user/repository")
    got.add_argument("name", type=check_name, help="the model's name in the zoo")
    got.add_argument("--from", dest="source", required=True, metavar="ZOO", help="a folder, http(s)://... or hf://user/repository")
    given = add_subverb(verbs, "push", "add your model to a zoo folder",
                        "mtzoo zoo push seg_city --to zoo_folder --model model.onnx --checkpoint with-bn-float-last.pt")
    given.add_argument("name", type=check_name, help="the name of the model: letters, digits, _, - and .")
    given.add_argument("--to", type=output_folder("--to"), required=True, metavar="DIR", help="the zoo folder; created if missing")
    given.add_argument("--model", type=Path, metavar="MODEL", help="the deploy model, .onnx; its sidecar goes with it")
    given.add_argument("--checkpoint", type=Path, metavar="CKPT", help="a float checkpoint, stored as safetensors with its config")
    stored = given.add_mutually_exclusive_group()
    stored.add_argument("--half", dest="stored", action="store_const", const="float16", default="float32",
                        help="store weights as float16: half the space")
    stored.add_argument("--int8", dest="stored", action="store_const", const="int8",
                        help="store weights of convolutions in 8 bits per output channel: a quarter of the space")
    given.add_argument("--card", type=Path, metavar="FILE.md", help="the model card")


def run(args: argparse.Namespace) -> int:
    return {"list": _list, "pull": _pull, "push": _push}[args.zoo_verb](args)


def _list(args: argparse.Namespace) -> int:
    source = open_source(args.source)
    catalogue = read_catalogue(source.read(FILE, MAX_BYTES), f"{source.name}/{FILE}")
    for name in sorted(catalogue.models):
        say(f"{name}: {_files(catalogue, name)}")
    if not catalogue.models:
        say(f"{source.name}: no model in it yet")
    return 0


def _pull(args: argparse.Namespace) -> int:
    folder = pulled_folder()
    paths = pull(open_source(args.source), args.name, folder, lambda name, size: say(f"{name}: {size / 1e6:.2f} MB"))
    say(f"{args.name}: {numbered(len(paths), 'file')} in {folder}")
    if any((shipped_folder("zoo") / path.name).is_file() for path in paths):
        say(f"note: mtzoo ships a model {args.name}, and that one goes by the name; name the pulled files by their paths")
    elif args.name in list_models():
        say(f"mtzoo predict {args.name} PHOTOS --out DIR")
    return 0


def _push(args: argparse.Namespace) -> int:
    catalogue = push_model(args.name, args.to, model=args.model, checkpoint=args.checkpoint, card=args.card, stored=args.stored)
    say(f"{args.to}: {args.name}: {_files(catalogue, args.name)}")
    return 0


def _files(catalogue: Catalogue, name: str) -> str:
    return ", ".join(f"{suffix[1:]} {entry.bytes / 1e6:.2f} MB" for suffix, entry in catalogue.files(name).items())
