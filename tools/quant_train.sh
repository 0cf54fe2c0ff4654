#!/usr/bin/env bash
# The main job from a bare clone: makes .venv if needed, then `mtzoo quant-train` with the same arguments.
#   bash tools/quant_train.sh --config configs/4pe_resize/multitask.py --pipeline-test
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
make_env
exec mtzoo quant-train "$@"
