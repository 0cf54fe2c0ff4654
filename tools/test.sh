#!/usr/bin/env bash
# All tests, fast and slow, but not those marked fuzz or backbones (half an hour or more), from a bare clone: makes .venv if needed, then pytest, one process
# for each folder of tests/, as many at a time as there are cores.
#   bash tools/test.sh
#   bash tools/test.sh tests/quantization -m "not slow"     # arguments go to one pytest as they are
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
make_env dev
jobs=$(env -u OMP_NUM_THREADS nproc)  # nproc believes that variable
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
cd "$ROOT" || exit 2
if [ $# -gt 0 ]; then
    exec python -m pytest -m "not fuzz and not backbones" "$@"
fi
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
export logs

run_tests() { # of one folder or file; what they say comes in one piece, when they are through
    local log="$logs/$(basename "$1").log" begun=$SECONDS status
    python -m pytest -q -m "not fuzz and not backbones" "$1" >"$log" 2>&1
    status=$?
    echo "== $1: $((SECONDS - begun)) s"
    cat "$log"
    [ $status -eq 0 ] || touch "$logs/failed.$(basename "$1")"
}
export -f run_tests

# The longest first, so that no core waits for one of them at the end.
printf '%s\n' tests/cli tests/engine tests/contract tests/robustness tests/data tests/*/ tests/test_*.py | sed 's|/$||' | grep -v __pycache__ |
    awk '!seen[$0]++' | xargs -P "$jobs" -I{} bash -c 'run_tests {}' || touch "$logs/failed.xargs"
failed=("$logs"/failed.*)
if [ -e "${failed[0]}" ]; then
    die "tests failed in: ${failed[*]##*failed.}"
fi
echo "all tests passed"
