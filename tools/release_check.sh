#!/usr/bin/env bash
# Builds sdist and wheel, checks them as PyPI does, and tries the wheel in fresh environments that know nothing of the clone.
#   bash tools/release_check.sh OUT [PYTHON ...]        e.g. bash tools/release_check.sh dist python3.10 python3.13
# OUT gets the two files. Each PYTHON is tried twice: with the oldest packages that setup.py allows and that have wheels for it, and with
# the newest. An environment takes 6 GB while it is tried; uv keeps what it has downloaded. Without PYTHON the files are only built and
# checked. The tests in environments like these: tools/test_versions.py.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
[ $# -ge 1 ] || die "usage: bash tools/release_check.sh OUT [PYTHON ...]"
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
for python in "$@"; do
    command -v "$python" >/dev/null || die "there is no $python"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}" MTZOO_CACHE="$work/cache"
unset PYTHONPATH # it may name the clone

build_files() { # what is committed, and nothing else; the wheel is built from the sdist
    python3 -m venv "$work/tools"
    "$work/tools/bin/python" -m pip install --quiet build twine uv
    mkdir "$work/source"
    git -C "$ROOT" archive HEAD | tar -x -C "$work/source"
    rm -f "$out"/mtzoo-*
    "$work/tools/bin/python" -m build --outdir "$out" "$work/source" >"$work/build.log" 2>&1 || die "$(tail -5 "$work/build.log")"
    "$work/tools/bin/python" -m twine check --strict "$out"/mtzoo-*
    wheel=$(echo "$out"/mtzoo-*.whl)
    "$work/tools/bin/python" - "$wheel" >"$work/requirements.txt" <<'PY'
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
for line in wheel.read(metadata).decode().splitlines():
    name, _, requirement = line.partition(": ")
    if name == "Requires-Dist" and "extra ==" not in requirement:
        print(requirement)
PY
}

check_extras() { # PYTHON: there are packages that fit all extras at once
    "$work/tools/bin/uv" pip compile --quiet --python "$(command -v "$1")" --only-binary :all: --output-file "$work/all.txt" - \
        <<<"mtzoo[dev,docs,hf,loggers,timm] @ file://$wheel" || die "$1: no packages fit all extras"
}

try_wheel() { # PYTHON, lowest-direct or highest
    local venv="$work/venv" uv="$work/tools/bin/uv"
    "$uv" venv --quiet --python "$(command -v "$1")" "$venv"
    "$uv" pip install --quiet --python "$venv/bin/python" --resolution "$2" --only-binary :all: "$wheel" -r "$work/requirements.txt"
    mkdir "$work/run"
    (
        cd "$work/run" # no clone here
        "$venv/bin/python" -c "import mtzoo; print(mtzoo.__version__, mtzoo.__file__)"
        "$venv/bin/mtzoo" list >/dev/null
        "$venv/bin/mtzoo" data synth --out scenes --num 2 --seed 1
        "$venv/bin/mtzoo" data view 4pe_resize/seg_lane --out seen --cfg-options data_root=data sources.lane_train.num=2
        "$venv/bin/mtzoo" predict real_resize scenes/images --out predicted
        "$venv/bin/mtzoo" verify real_resize --images scenes/images
    )
    "$uv" pip list --quiet --python "$venv/bin/python" | awk -v wanted="$(packages)" 'index(wanted, " " $1 " ")' | tr -s ' \n' ' '
    echo
    echo "$1, $2: the wheel works"
    rm -rf "$venv" "$work/run"
}

packages() { # names of what the wheel requires, with a blank on either side
    sed 's/[^A-Za-z0-9-].*//' "$work/requirements.txt" | tr '\n' ' ' | sed 's/^/ /'
}

build_files
ls -l "$out"/mtzoo-*
for python in "$@"; do
    check_extras "$python"
    try_wheel "$python" lowest-direct
    try_wheel "$python" highest
done
