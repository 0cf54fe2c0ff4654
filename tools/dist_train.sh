#!/usr/bin/env bash
# The main job in several processes: the first argument is their number (GPUs of this machine), the rest goes to `mtzoo quant-train`.
#   bash tools/dist_train.sh 2 --config configs/4pe_resize/multitask.py
# Several machines: NNODES, NODE_RANK, MASTER_ADDR and MASTER_PORT, as torchrun knows them.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
case "${1:-}" in
'' | *[!0-9]* | 0) die "usage: bash tools/dist_train.sh NUMBER_OF_PROCESSES --config CONFIG [...]" ;;
esac
processes=$1
shift
make_env
exec python "$ROOT/tools/torchrun_mtzoo.py" --nnodes "${NNODES:-1}" --node-rank "${NODE_RANK:-0}" --nproc-per-node "$processes" \
    --master-addr "${MASTER_ADDR:-127.0.0.1}" --master-port "${MASTER_PORT:-29500}" -m mtzoo quant-train "$@"
