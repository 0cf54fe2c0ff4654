"""Write a checkpoint as an ONNX deploy model with its sidecar JSON.

    mtzoo export --checkpoint work_dirs/4pe_resize-multitask/int-inference-last.pt --out model.onnx
    mtzoo export --checkpoint work_dirs/4pe_resize-multitask/with-bn-last.pt --out with-bn.onnx
    mtzoo export --checkpoint work_dirs/4pe_resize-multitask/fusion-bn-c2-last.pt --weight-bits 7 --out seven.onnx

--input-format and --layout choose the format of the camera; the conversion to BGR is inside the model, and exact. --cfg-options
deploy_geometry... adapts the model to another camera (docs/deploy.md). A checkpoint of step 3 gives label maps and boxes in original
pixels, one of steps 0 to 2 raw maps.
--weight-bits 7 makes an integer network with weights in [-63, 63] from a float or fake-quant checkpoint. On x86 without VNNI, 8-bit
weights run in float32. `mtzoo eval` shows the cost in accuracy.
"""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from mtzoo.cli.numbers import at_least
from mtzoo.cli.other_names import CARRIED, add_idle_options
from mtzoo.cli.outputs import output_file
from mtzoo.cli.parser import Parser
from mtzoo.locate import find_checkpoint

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for torch
    from mtzoo.deploy.info import DeployInfo

HELP = "write a checkpoint as an ONNX deploy model"


def add_arguments(parser: Parser) -> None:
    parser.add_subject("--checkpoint", type=find_checkpoint, metavar="CKPT",
                       help="a .pt file that train or quant-train wrote, or zoo:NAME")
    parser.add_argument("--out", type=output_file("--out"), metavar="FILE",
                        help="the .onnx file; default: beside the checkpoint; zoo:NAME has no default")
    parser.add_argument("--input-format", metavar="bgr|rgb|yuv444|nv12",
                        help="the model's input format; default: the config's (bgr)")
    parser.add_argument("--layout", metavar="nchw|nhwc",
                        help="the input's memory layout: plane by plane, or pixel by pixel as in cameras and OpenCV; default: the "
                             "config's (nchw)")
    parser.add_argument("--batch", type=at_least(1, "--batch"), default=1, metavar="N", help="number of images per call (1)")
    parser.add_argument("--cfg-options", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
                        help="override keys of the checkpoint's config")
    parser.add_argument("--weight-bits", type=int, choices=(7,),
                        help="7-bit weights, which also run in int8 on CPUs without VNNI; from a float or fake-quant checkpoint")
    add_idle_options(parser, CARRIED)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--raw", action="store_true", help="output raw maps only, also at step 3")
    form.add_argument("--keep-raw", action="store_true", help="output raw maps besides label maps and boxes")


def run(args: argparse.Namespace) -> int:
    from mtzoo.cli.arguments import parse_options
    from mtzoo.config.parts import delivery
    from mtzoo.console import say
    from mtzoo.recipes.export import export
    from mtzoo.recipes.idle_options import note_idle_overrides

    options = parse_options(args.cfg_options)
    result = export(args.checkpoint, args.out, options=options, input_format=args.input_format, layout=args.layout, batch=args.batch,
                    weight_bits=args.weight_bits, raw=args.raw, keep_raw=args.keep_raw)
    note_idle_overrides(result.config, options, part=delivery, verb="export")
    print_summary(result.info, result.model)
    if args.weight_bits:
        say(f"weights of {args.weight_bits} bits: `mtzoo eval {shlex.quote(str(result.model))}` tells what that costs, `mtzoo verify` "
            "that every executor agrees")
    return 0


def print_summary(info: "DeployInfo", path: Path) -> None:
    """Size, inputs and outputs, one line each."""
    from mtzoo.console import say

    size = path.stat().st_size
    say(f"{path}: {size:,} bytes, {size / info.parameters:.2f} per parameter, {'integers' if info.integer else 'not integers'}")
    for kind, tensors in (("in", info.inputs), ("out", info.outputs)):
        for tensor in tensors:
            say(f"  {kind:3} {tensor.name} {tensor.dtype} {'x'.join(map(str, tensor.shape))}")
