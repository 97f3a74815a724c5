#!/usr/bin/env bash
# uv 0.13.8, setuptools 80.9.0 (Linux x86_64)
#
# One would guess: UV_NO_BUILD=1 does what uv's list of environment variables says, the same as --no-build, for every
#   command that has --no-build.
# What happens: `uv pip compile` and `uv pip install` have --no-build and do not read the variable. With the variable
#   both run the source package's build script, without a warning; with --no-build both refuse.
# Whom it hurts: anyone who sets the variable once for a whole build (a container image, a CI job) so that resolving or
#   installing somebody else's requirements runs no code of theirs.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check uv==0.13.8
uv="$work/venv/bin/uv"
export UV_CACHE_DIR="$work/cache"
mkdir "$work/demo"
cat >"$work/demo/pyproject.toml" <<'END'
[build-system]
requires = ["setuptools==80.9.0"]
build-backend = "setuptools.build_meta"
END
cat >"$work/demo/setup.py" <<END
import pathlib
from setuptools import setup

pathlib.Path("$work/ran").touch()
setup(name="demo", version="1.0", install_requires=["idna"])
END
echo "demo @ file://$work/demo" >"$work/requirements.in"
compile=("$uv" pip compile --quiet --no-header "$work/requirements.in")
install=("$uv" pip install --quiet --target "$work/installed" --python "$work/venv/bin/python" "$work/demo")

expect() { # expect ran|refused WORDS...: whether the command runs the build script
    rm -rf "$work/ran" "$work/cache"
    "${@:2}" >"$work/said.txt" 2>&1 && code=0 || code=$?
    [ -e "$work/ran" ] && seen=ran || seen=refused
    echo "build script: $seen, exit status $code: ${*:2}" | sed "s|$work/||g"
    [ "$seen" = "$1" ] || { cat "$work/said.txt"; echo "changed"; exit 1; }
    [ "$seen" = refused ] || ! grep -qi warning "$work/said.txt" || { echo "changed: it warns"; exit 1; }
}
expect ran env UV_NO_BUILD=1 "${compile[@]}"
expect ran env UV_NO_BUILD=1 "${install[@]}"
expect refused "${compile[@]}" --no-build
expect refused "${install[@]}" --no-build
echo "as described"
