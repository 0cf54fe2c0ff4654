#!/usr/bin/env bash
# All tests, fast and slow, from a bare clone: makes .venv if needed, then pytest, one process for each folder of tests/.
#   bash tools/test.sh
#   bash tools/test.sh tests/quantization -m "not slow"     # arguments go to one pytest as they are
# Folders do not share a process because data loaders fork, which a process that has had OpenVINO's and torch's threads in it
# does not always survive.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
make_env dev
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
cd "$ROOT" || exit 2
if [ $# -gt 0 ]; then
    exec python -m pytest -m "slow or not slow" "$@"
fi
failed=()
for place in tests/*/ tests/test_*.py; do
    [ "$place" = tests/__pycache__/ ] && continue
    echo "== $place"
    python -m pytest -q -m "slow or not slow" "$place" || failed+=("$place")
done
if [ ${#failed[@]} -gt 0 ]; then
    die "tests failed in: ${failed[*]}"
fi
echo "all tests passed"
