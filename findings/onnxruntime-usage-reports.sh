#!/usr/bin/env bash
# onnxruntime 1.32.0 (Linux x86_64, the wheel of the public index)
#
# One would guess: importing an inference library writes nothing below the home folder; DO_NOT_TRACK=1 is honoured; and CI
#   behaves like production.
# What happens: the import alone creates a persistent device id and a queue database below ~/.cache/Microsoft. DO_NOT_TRACK=1
#   changes nothing. CI=true suppresses all of it, so no CI run ever shows it. ORT_DISABLE_TELEMETRY=1, set before the import,
#   prevents it.
# Whom it hurts: anyone who promises that nothing leaves a machine, runs services with a read-only or shared home folder, or
#   counts the threads and files of a process; and anyone who tests such a promise in CI only.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0

# Files below a new home folder after `import onnxruntime`, under the given variables.
files_after_import() {
    rm -rf "$work/home" && mkdir "$work/home"
    env -i PATH=/usr/bin:/bin HOME="$work/home" "$@" "$work/venv/bin/python" -c '
import time, onnxruntime
time.sleep(2)' >/dev/null 2>&1
    find "$work/home" -type f | sed "s|$work/home/||" | sort
}

expect() { # what, wanted (some or none), variables
    local what=$1 wanted=$2 found
    shift 2
    found=$(files_after_import "$@")
    echo "$what: ${found:-no file}"
    case $wanted in
    some) grep -q Microsoft <<<"$found" || { echo "changed: no file below Microsoft"; exit 1; } ;;
    none) [ -z "$found" ] || { echo "changed: files are made"; exit 1; } ;;
    esac
}

expect "plain" some
expect "DO_NOT_TRACK=1" some DO_NOT_TRACK=1
expect "CI=true" none CI=true
expect "ORT_DISABLE_TELEMETRY=1" none ORT_DISABLE_TELEMETRY=1
echo "as described"
