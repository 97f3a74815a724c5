#!/usr/bin/env bash
# uv 0.13.8, azureml-sdk on the public index (newest release 1.62.0), Python 3.11 (Linux x86_64)
#
# One would guess: if the newest releases of a package cannot be installed, a resolver says so, at least for a name without
#   a version.
# What happens: newer releases depend on a package that has no wheel for Python 3.11. With wheels only, the resolver
#   backtracks release by release and ends, without a warning, at 1.0.23 from spring 2019.
# Whom it hurts: anyone who builds environments for Azure's first-generation scripts with wheels only. The build succeeds, and
#   the script fails much later, because functions added since 2019 are missing.
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
