#!/bin/sh
# Make .venv hold exactly what the lock files name, every file checked against its hash.
#   sh ops/setup.sh        what the studio runs on, and the `slipway` command
#   sh ops/setup.sh dev    also what tests and checks need
# Does nothing when the lock files have not changed since the last time.
set -eu
cd "$(dirname "$0")/.."
VENV=.venv

fail() {
    echo "setup: $1" >&2
    exit 1
}

# The first Python on the path that is new enough; PYTHON=… chooses another.
find_python() {
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

if [ ! -x "$VENV/bin/python" ] || [ ! -x "$VENV/bin/pip" ]; then
    python=$(find_python)
    [ -n "$python" ] || fail "Python 3.11 or newer is needed, found $(python3 --version 2>&1 || echo none). \
Install it, or name it: PYTHON=/path/to/python3.12 make run"
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "this Python lacks the venv module. On Debian and Ubuntu: apt install python3-venv"
    echo "setup: creating $VENV with $("$python" --version)"
    "$python" -m venv "$VENV"
fi

locks="requirements.txt"
[ "${1:-}" = dev ] && locks="requirements.txt requirements-dev.txt"

# What a stamp holds: the locks and the project's own metadata, as one digest.
digest=$(cat $locks pyproject.toml | "$VENV/bin/python" -c 'import hashlib, sys
print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
stamp="$VENV/.slipway-${1:-run}"
[ "$(cat "$stamp" 2>/dev/null)" = "$digest" ] && exit 0

# What uv says, without its list of all packages. A pipeline ends with the status of its last command, hence the mark.
install() {
    rm -f "$VENV/.failed"
    { VIRTUAL_ENV="$VENV" "$VENV/bin/uv" pip install "$@" 2>&1 || touch "$VENV/.failed"; } |
        while IFS= read -r line; do
            case $line in " + "* | " - "* | " ~ "*) ;; *) echo "setup: $line" ;; esac
        done
    [ ! -e "$VENV/.failed" ] || fail "the packages could not be installed; the lines above say why"
}

echo "setup: installing into $VENV (once; a few hundred megabytes)"
wanted=$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements.txt)
"$VENV/bin/python" -c "import importlib.metadata as m, sys; sys.exit('uv==' + m.version('uv') != '$wanted')" 2>/dev/null ||
    sed -n '/^uv==/,/[^\\]$/p' requirements.txt |
        "$VENV/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps -r /dev/stdin
for lock in $locks; do
    echo "setup: $(grep -c '^[a-z0-9].*==' "$lock") packages of $lock"
    install --require-hashes -r "$lock"
done
echo "setup: the studio and its command line"
install --no-deps --no-build-isolation --editable . # setuptools is in the lock
echo "$digest" >"$stamp"
