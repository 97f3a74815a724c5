#!/usr/bin/env bash
# uv 0.13.8, azureml-sdk on the public index (newest release 1.62.0), Python 3.11 (Linux x86_64)
#
# One would guess: where a package's releases do not fit, a resolver says so, above all for a name without a version.
# What happens: newer releases need something that has no wheel for Python 3.11. With wheels only the resolver goes back
#   release by release and ends, without a warning, at 1.0.23 of spring 2019.
# Whom it hurts: who builds environments for scripts of Azure's first generation with wheels only: the build succeeds, and
#   the script fails much later over functions that came in the years between.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check uv==0.13.8
echo azureml-sdk >"$work/requirements.in"
"$work/venv/bin/uv" pip compile --no-header --python-version 3.11 --only-binary :all: "$work/requirements.in" \
    >"$work/resolved.txt" 2>"$work/said.txt"
found=$(grep '^azureml-sdk==' "$work/resolved.txt")
echo "resolved to $found; the resolver said: $(cat "$work/said.txt")"
case $found in
azureml-sdk==1.0.*) ;;
*) echo "changed: another release"; exit 1 ;;
esac
! grep -qi warning "$work/said.txt" || { echo "changed: it warns"; exit 1; }
echo "as described"
