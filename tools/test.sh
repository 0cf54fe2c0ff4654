#!/usr/bin/env bash
# All tests, fast and slow, from a bare clone: makes .venv if needed, then pytest with the same arguments.
#   bash tools/test.sh
#   bash tools/test.sh tests/quantization -m "not slow"
# MTZOO_TEST_WORKERS: processes (2); 0 runs in this one, as a debugger wants it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
make_env dev
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
cd "$ROOT"
exec python -m pytest -m "slow or not slow" -n "${MTZOO_TEST_WORKERS:-2}" --dist loadfile "$@"
