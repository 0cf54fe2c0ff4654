#!/usr/bin/env bash
# Trains the zoo's models side by side on one device, and packs what they leave. On one GPU of a data centre with 16 cores it is made for
# ten minutes; on two CPU cores it takes hours. Stopped and started again it goes on.
# docs/training.md says how the pack of data is made.
#   MTZOO_DATA=pack bash tools/train_zoo.sh --runs work_dirs/zoo --out results --ctx 0 --minutes 10
# A machine without a network needs no .venv: with MTZOO_PYTHON=python3 that interpreter is used, and wheels in pack/wheels are put before
# its own packages.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
if [ -z "${MTZOO_PYTHON:-}" ]; then
    make_env
    MTZOO_PYTHON=python
fi
for wheel in "${MTZOO_DATA:-}"/wheels/*.whl; do # a wheel of Python code alone can be imported as it lies
    [ -e "$wheel" ] && PYTHONPATH="$wheel:${PYTHONPATH:-}"
done
export PYTHONPATH="$ROOT:${PYTHONPATH:-}"
exec "$MTZOO_PYTHON" "$ROOT/tools/train_zoo.py" "$@"
