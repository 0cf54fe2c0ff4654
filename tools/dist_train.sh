#!/usr/bin/env bash
# The main job on several machines: the first argument is the number of processes (GPUs) of this one, the rest goes to `mtzoo quant-train`.
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=first-machine bash tools/dist_train.sh 2 --config configs/4pe_resize/multitask.py
# NNODES, NODE_RANK, MASTER_ADDR and MASTER_PORT are torchrun's, as is MAX_RESTARTS: how often all go on after a failure.
# On one machine: mtzoo quant-train --ctx 0,1
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
case "${1:-}" in
'' | *[!0-9]* | 0) die "usage: bash tools/dist_train.sh NUMBER_OF_PROCESSES --config CONFIG [...]" ;;
esac
processes=$1
shift
make_env
exec python "$ROOT/tools/torchrun_mtzoo.py" --nnodes "${NNODES:-1}" --node-rank "${NODE_RANK:-0}" --nproc-per-node "$processes" \
    --max-restarts "${MAX_RESTARTS:-0}" \
    --master-addr "${MASTER_ADDR:-127.0.0.1}" --master-port "${MASTER_PORT:-29500}" -m mtzoo quant-train "$@"
