#!/usr/bin/env bash
# pyarrow 26.0.1, numpy 2.4.6 (Linux x86_64)
#
# One would guess: RLIMIT_DATA, which counts private writable memory but neither files nor code, is a fair limit for a Python
#   program's memory; a program of 110 MiB fits into a limit of 512 MiB.
# What happens: the first allocation reserves an arena of 1 GiB (mimalloc), which counts in full although almost none of it is
#   touched: the process has twenty times as much "data" as resident memory. ARROW_DEFAULT_MEMORY_POOL=system avoids it.
# Whom it hurts: anyone who limits services, jobs or tests by ulimit -d or -v. pandas 3 uses pyarrow wherever it is installed,
#   and a limit derived from resident memory makes a healthy program run out of memory.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 numpy==2.4.6
cat >"$work/measure.py" <<'PY'
import os


def kib(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name + ":"))


import numpy  # noqa: F401

before = kib("VmData")
import pyarrow as pa

array = pa.array(["a"] * 1000)
data, resident = kib("VmData"), kib("VmRSS")
print(f"VmData {before // 1024} MiB before pyarrow, {data // 1024} MiB after its first array; resident {resident // 1024} MiB")
if os.environ.get("POOL") is None:
    assert data - before > 1000 * 1024, "changed: no arena of 1 GiB"
    assert data > 5 * resident
else:
    assert data - before < 600 * 1024, "changed: the system pool reserves as much"
PY
"$work/venv/bin/python" "$work/measure.py"
echo "with ARROW_DEFAULT_MEMORY_POOL=system:"
POOL=1 ARROW_DEFAULT_MEMORY_POOL=system "$work/venv/bin/python" "$work/measure.py"
echo "as described"
