#!/usr/bin/env bash
# All tests, fast and slow, but those marked thorough (more cases of the same kind), fuzz or backbones (half an hour or more), from a
# bare clone: makes .venv if needed, then pytest, one process for each large folder of tests/ and one for all
# else, as many at a time as there are cores.
#   bash tools/test.sh
#   bash tools/test.sh tests/quantization -m "not slow"     # arguments go to one pytest as they are
#   bash tools/test.sh tests/contract -m thorough           # the life of every config
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
make_env dev
jobs=$(env -u OMP_NUM_THREADS nproc)  # nproc believes that variable
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
cd "$ROOT" || exit 2
export usual="not thorough and not fuzz and not backbones"
if [ $# -gt 0 ]; then
    exec python -m pytest -m "$usual" "$@"
fi
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
export logs TMPDIR="$logs" # whatever the tests leave behind goes with it

run_tests() { # name, folders and files; what they say comes in one piece, when they are through
    local name="$1" begun=$SECONDS status
    shift
    python -m pytest -q -m "$usual" "$@" >"$logs/$name.log" 2>&1
    status=$?
    echo "== $name: $((SECONDS - begun)) s"
    cat "$logs/$name.log"
    [ $status -eq 0 ] || touch "$logs/failed.$name"
}
export -f run_tests

# The longest first, so that no core waits for one of them at the end. Importing the libraries takes seconds: small folders share it.
large=(cli engine robustness contract layers data deploy quantization)
mapfile -t small < <(printf '%s\n' tests/*/ tests/test_*.py | sed 's|/$||' | grep -vxF "$(printf 'tests/%s\n' __pycache__ "${large[@]}")")
{
    echo "others ${small[*]}"
    for name in "${large[@]}"; do echo "$name tests/$name"; done
} | xargs -P "$jobs" -I{} bash -c 'run_tests {}' || touch "$logs/failed.xargs"
failed=("$logs"/failed.*)
if [ -e "${failed[0]}" ]; then
    die "tests failed in: ${failed[*]##*failed.}"
fi
echo "all tests passed"
