"""`mtzoo compress --onnx`: somebody else's float network, and the way of making it integers that suits it best."""

import argparse

from mtzoo.cli.onnx_source import distillation, float_onnx
from mtzoo.settings.target import HOST

OF_CONFIG = {"config": None, "checkpoint": None, "tasks": [], "cfg_options": [], "strategy": None, "strategy_config": None,
             "dataset_config": None, "target_speedup": None, "max_drop": None, "distill_from": None, "batch_size": None,
             "workers": None, "resume": False, "deploy_hardware": HOST}
"""Options of `compress --config` -> their value when they are not given."""


def run_onnx(args: argparse.Namespace, threads: int | None) -> int:
    """Search, train the best on, write, verify, compare, measure. Returns 1 if executors differ."""
    from mtzoo.recipes.foreign import compress_onnx
    from mtzoo.recipes.foreign.images import CALIB_IMAGES

    made = compress_onnx(float_onnx(args), args.images, args.out, calib_images=args.calib_images or CALIB_IMAGES,
                         weight_bits=args.weight_bits or 8, dtype="uint8" if args.uint8 else "float32",
                         distillation=distillation(args), limit=args.limit,
                         threads=threads)
    return 0 if made.passed else 1
