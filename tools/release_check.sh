#!/usr/bin/env bash
# Builds sdist and wheel, checks them as PyPI does, and tries the wheel in fresh environments that know nothing of the clone.
#   bash tools/release_check.sh OUT [PYTHON ...]        e.g. bash tools/release_check.sh dist python3.10 python3.13
# OUT gets the two files. Each environment takes 6 GB while it is tried. Without PYTHON only the files are built and checked.
# All minimums and all newest packages, with the tests: tools/test_versions.py.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
[ $# -ge 1 ] || die "usage: bash tools/release_check.sh OUT [PYTHON ...]"
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/tools"
"$work/tools/bin/python" -m pip install --quiet build twine
git -C "$ROOT" archive HEAD | tar -x -C "$(mkdir -p "$work/source" && echo "$work/source")" # what is committed, and nothing else
"$work/tools/bin/python" -m build --outdir "$out" "$work/source" >"$work/build.log" 2>&1 || die "$(tail -5 "$work/build.log")"
"$work/tools/bin/python" -m twine check --strict "$out"/mtzoo-*

for python in "$@"; do
    "$python" -m venv "$work/venv"
    "$work/venv/bin/python" -m pip install --quiet "$out"/mtzoo-*.whl
    (
        cd "$work" # no clone here
        "$work/venv/bin/python" -c "import mtzoo; print(mtzoo.__version__, mtzoo.__file__)"
        "$work/venv/bin/mtzoo" list >/dev/null
        "$work/venv/bin/mtzoo" data view 4pe_resize/seg_lane --out seen --cfg-options data_root=data sources.lane_train.num=2
        "$work/venv/bin/mtzoo" predict real_resize data/synth-*/images --out predicted
    )
    echo "$python: the wheel works"
    rm -rf "$work/venv" "$work/data" "$work/seen" "$work/predicted"
done
