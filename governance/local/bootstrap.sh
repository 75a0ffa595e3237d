#!/bin/sh
# From a fresh checkout to a running command: finds a Python that works, fetches uv where there is none, installs what
# the lock files say, and then becomes the command. POSIX sh, because nothing else can be taken for granted.
#
#   bootstrap.sh up | manage ARGUMENT… | pg PROGRAM ARGUMENT… | test ARGUMENT… | bench ARGUMENT… | fuzz ARGUMENT… | lint | lock | python
#
# When everything is in place it touches neither the network nor the disk.
set -eu

cd "$(dirname "$0")/../.."
WORK=${1:?one of up, manage, pg, test, bench, fuzz, lint, lock}
shift
VENV=.venv
OWN=.uv/env
TURN=.uv/turn

fail() {
    echo "$*" >&2
    exit 1
}

# Says whether "$1" really runs (a version manager's shim may exist and fail) and is Python 3.12 or newer, 64 bit.
is_python() {
    command -v "$1" >/dev/null 2>&1 || return 1
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12) or sys.maxsize < 2**32)' </dev/null >/dev/null 2>&1
}

# Prints the path of the first Python that will do; nothing when there is none.
find_python() {
    # shellcheck disable=SC2012 # the names are version numbers
    managed=$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python 2>/dev/null | sort -t. -k2,2nr -k3,3nr) || managed=
    for candidate in ${PORTWARDEN_PYTHON:-} python3.14 python3.13 python3.12 $managed python3 /usr/bin/python3; do
        if is_python "$candidate"; then
            # The interpreter itself, not a shim that may choose another one in another directory.
            "$candidate" -c 'import sys; print(sys.executable)'
            return 0
        fi
    done
}

# Prints the path of a uv that runs; nothing when there is none.
find_uv() {
    for candidate in ${UV:-} uv "$HOME/.local/bin/uv" "$HOME/.cargo/bin/uv" "$OWN/bin/uv"; do
        if "$candidate" --version >/dev/null 2>&1; then
            command -v "$candidate"
            return 0
        fi
    done
}

# Installs uv into a place of its own with pip, from the lock file; any Python that runs will do for this.
fetch_uv() {
    for candidate in "$@" python3 python /usr/bin/python3; do
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 8))' </dev/null >/dev/null 2>&1 || continue
        echo "installing uv into $OWN …"
        rm -rf "$OWN"
        if "$candidate" -m venv "$OWN" >/dev/null 2>&1; then
            "$OWN/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements-uv.txt
        else
            # Debian's Python comes without venv's pip; its own pip, if there is one, can install into a directory.
            rm -rf "$OWN"
            "$candidate" -m pip install -q --disable-pip-version-check --require-hashes -r requirements-uv.txt \
                --prefix "$PWD/$OWN" || continue
        fi
        return 0
    done
    return 1
}

# Runs uv with the Python that was found; where none was, uv fetches one.
with_uv() {
    [ -n "${UV:-}" ] || UV=$(find_uv)
    if [ -z "$UV" ]; then
        # shellcheck disable=SC2086 # an empty answer must vanish
        fetch_uv ${PYTHON:-} || fail "Portwarden needs uv or Python 3.12 or newer with pip: install one and start again."
        UV=$(find_uv)
        [ -n "$UV" ] || fail "The uv that pip installed does not run here: install uv yourself and start again."
    fi
    export UV
    if [ -n "${PYTHON:-}" ]; then
        export UV_PYTHON="$PYTHON" UV_PYTHON_DOWNLOADS=never
    else
        export UV_PYTHON=3.13
    fi
    # pip's choice of an index holds for uv too, where nobody told uv otherwise.
    if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ] && [ -n "${PIP_INDEX_URL:-}" ]; then
        export UV_DEFAULT_INDEX="$PIP_INDEX_URL"
    fi
    VIRTUAL_ENV="$PWD/$VENV" "$UV" "$@"
}

# Takes the lock of this checkout's set-up, so that two starts at once do not install into each other.
take_turn() {
    mkdir -p "${TURN%/*}"
    unknown=0
    until mkdir "$TURN" 2>/dev/null; do
        owner=$(cat "$TURN/owner" 2>/dev/null) || owner=
        if [ -n "$owner" ] && kill -0 "$owner" 2>/dev/null; then
            unknown=0
        elif [ -n "$owner" ] || [ "$unknown" -ge 5 ]; then
            # Its process was killed.
            rm -rf "$TURN"
        else
            unknown=$((unknown + 1))
        fi
        sleep 1
    done
    echo $$ >"$TURN/owner"
    trap 'rm -rf "$TURN"' EXIT
    trap 'exit 130' INT TERM HUP
}

venv_works() {
    is_python "$VENV/bin/python"
}

# Is what file "$1" names installed? The stamp is a copy of the file, written after the installation.
installed() {
    cmp -s "requirements-$1.txt" "$VENV/installed-$1.txt"
}

# `dev` holds all that `local` does and is never taken away again by it.
ready() {
    venv_works || return 1
    installed dev && return 0
    [ "$1" = local ] && [ ! -f "$VENV/installed-dev.txt" ] && installed local
}

install() {
    kind=$1
    [ ! -f "$VENV/installed-dev.txt" ] || kind=dev
    echo "installing Python packages (requirements-$kind.txt) …"
    PYTHON=$(find_python)
    if ! venv_works; then
        rm -rf "$VENV"
        if ! with_uv venv -q "$VENV"; then
            [ -n "$PYTHON" ] || fail "There is no Python 3.12 or newer here and uv could not fetch one: install one and start again."
            fail "$VENV could not be made; the reason is above."
        fi
    fi
    rm -f "$VENV"/installed-*.txt
    # Named: UV_PYTHON would win over VIRTUAL_ENV and fill the Python that we only borrowed.
    with_uv pip sync -q --python "$VENV/bin/python" --require-hashes "requirements-$kind.txt"
    cp "requirements-$kind.txt" "$VENV/installed-$kind.txt"
}

need() {
    if ! ready "$1" || ! cmp -s package-lock.json static/vendor/.package-lock.json; then
        take_turn
        ready "$1" || install "$1"
        if ! cmp -s package-lock.json static/vendor/.package-lock.json; then
            echo "installing the look's files (package-lock.json) …"
            "$VENV/bin/python" -m governance.local assets
        fi
        rm -rf "$TURN"
        trap - EXIT INT TERM HUP
    fi
}

# What the tests need of the system, where we may install it; elsewhere those tests skip and say so.
need_system() {
    if command -v chromium >/dev/null 2>&1 || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        return 0
    fi
    echo "installing Chromium for the browser tests …"
    if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1; then
        echo "Chromium could not be installed; the browser tests will be skipped."
    fi
}

run() {
    exec "$VENV/bin/python" "$@"
}

case $WORK in
up | manage | pg)
    need local
    run -m governance.local "$WORK" "$@"
    ;;
test)
    need dev
    need_system
    # Three, for two processors: tests of real programs wait much. Who is done takes from the end of another's heap.
    run -m pytest -n 3 --dist worksteal "$@"
    ;;
bench)
    need dev
    run -m tests.bench "$@"
    ;;
fuzz)
    need dev
    run -m tests.fuzz "$@"
    ;;
lint)
    need dev
    run -m governance.local.lint "$@"
    ;;
lock)
    need dev
    PYTHON=$(find_python)
    with_uv --version >/dev/null
    run -m governance.local lock
    ;;
python)
    find_python
    ;;
*)
    fail "Say one of: up, manage, pg, test, bench, fuzz, lint, lock."
    ;;
esac
