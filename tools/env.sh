# Sourced by the other tools. `make_env [EXTRA]` makes .venv if needed and puts it first on PATH.
#
# A stamp with a checksum of setup.py says that .venv is up to date, so that a second run starts in seconds.
# PYTHON=/path/to/python chooses the interpreter; without it uv, or python3 and its newer siblings, are tried.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV="$ROOT/.venv"
MIN_MINOR=10 # Python 3.10

die() {
    echo "error: $*" >&2
    exit 2
}

is_new_enough() {
    "$1" -c "import sys; sys.exit(sys.version_info[:2] < (3, $MIN_MINOR))" 2>/dev/null
}

find_python() {
    local name names=(python3 python3.14 python3.13 python3.12 python3.11 python3.10 python)
    [ -z "${PYTHON:-}" ] || names=("$PYTHON")
    for name in "${names[@]}"; do
        if command -v "$name" >/dev/null && is_new_enough "$name"; then
            command -v "$name"
            return
        fi
    done
    local found
    found=$("${PYTHON:-python3}" --version 2>/dev/null) || found="no ${PYTHON:-python3}"
    die "found $found; mtzoo needs Python 3.$MIN_MINOR or newer: install it, or set PYTHON=/path/to/python3"
}

make_venv() {
    if [ -x "$VENV/bin/python" ] && is_new_enough "$VENV/bin/python"; then
        return
    fi
    local python
    if command -v uv >/dev/null; then
        python=${PYTHON:-">=3.$MIN_MINOR"}
        [ -z "${PYTHON:-}" ] || python=$(find_python)
        uv venv --quiet --allow-existing --python "$python" "$VENV" || die "uv cannot make $VENV: see the lines above"
    else
        python=$(find_python) || exit
        "$python" -c "import ensurepip, venv" 2>/dev/null ||
            die "$python has no venv module: apt-get install -y python3-venv (Debian, Ubuntu), or install uv"
        "$python" -m venv "$VENV" || die "$python cannot make $VENV: see the lines above"
    fi
}

install_into_venv() { # REQUIREMENT, e.g. "/path/of/repo[dev]"
    if command -v uv >/dev/null; then
        uv pip install --quiet --python "$VENV/bin/python" --editable "$1"
    else
        "$VENV/bin/python" -m pip --version >/dev/null 2>&1 || "$VENV/bin/python" -m ensurepip >/dev/null
        "$VENV/bin/python" -m pip install --quiet --editable "$1"
    fi || die "the packages of setup.py could not be installed: see the lines above"
}

check_opencv() {
    local message
    message=$("$VENV/bin/python" -c "import cv2" 2>&1) && return
    message=${message##*$'\n'} # the last line of the traceback
    case "$message" in
    *libGL* | *libxcb* | *libX11* | *libgthread* | *libglib*)
        die "opencv needs system libraries ($message): apt-get install -y libgl1 libglib2.0-0 libxcb1" \
            "(Debian, Ubuntu) or dnf install mesa-libGL glib2 libxcb (Fedora)"
        ;;
    *) die "opencv cannot be imported: $message" ;;
    esac
}

make_env() {
    local extra=${1:-} sum stamp
    sum=$(cksum <"$ROOT/setup.py")
    stamp="$VENV/.mtzoo-installed${extra:+-$extra}"
    if [ "$(cat "$stamp" 2>/dev/null)" != "$sum" ] || [ ! -x "$VENV/bin/mtzoo" ]; then
        echo "mtzoo: installing into $VENV (once; torch is large, this can take some minutes)" >&2
        make_venv
        install_into_venv "$ROOT${extra:+[$extra]}"
        check_opencv
        echo "$sum" >"$stamp"
        [ -z "$extra" ] || cp "$stamp" "$VENV/.mtzoo-installed" # an extra comes on top of the rest
    fi
    export VIRTUAL_ENV="$VENV" PATH="$VENV/bin:$PATH"
}
