#!/usr/bin/env bash
# All tests, fast and slow, from a bare clone: makes .venv if needed, then pytest with the same arguments.
#   bash tools/test.sh
#   bash tools/test.sh tests/quantization -m "not slow"
# MTZOO_TEST_WORKERS: processes; 0, the default, runs in this one: the tests fork and load runtimes with threads of their own,
# and a worker that dies of that leaves pytest-xdist waiting for ever.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
make_env dev
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
cd "$ROOT"
exec python -m pytest -m "slow or not slow" -n "${MTZOO_TEST_WORKERS:-0}" --dist loadfile "$@"
