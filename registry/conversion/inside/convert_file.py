"""The program that converts, optimises and measures; run in a sandbox by `sandbox.py`, never imported by the studio.

`convert_file.py TASK` (a JSON file) prints JSON objects, a line each: `step` and `share`; `note`; `original`;
`trying`, before a variant that the process may not survive; `variant`; `pace`; at the end `done` or `refused`.
"""

import json
import math
import os
import resource
import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
FILE_BYTES = 4 * 1024**3
NESTED = ("registry", "registry.conversion", "registry.conversion.inside")


def make_importable() -> None:
    """Load our packages from where they lie; the folder around them may be closed to this program."""
    for name in NESTED:
        if name not in sys.modules:
            place = ROOT.joinpath(*name.split("."))
            found = spec_from_file_location(name, place / "__init__.py", submodule_search_locations=[str(place)])
            assert found is not None and found.loader is not None  # noqa: S101, PT018 - there is such a file
            sys.modules[name] = module_from_spec(found)
            found.loader.exec_module(sys.modules[name])


def main(task_file: str) -> int:
    """The exit status is 0 whenever there is an answer, good or bad."""
    answer_to = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # libraries that print must not print into the answer
    task = json.loads(Path(task_file).read_text())
    limit(int(task["memory_bytes"]))
    make_importable()
    with answer_to:

        def tell(value: dict[str, Any]) -> None:
            answer_to.write(json.dumps(_finite(value), allow_nan=False).encode() + b"\n")
            answer_to.flush()

        try:
            work(task, tell)
        except MemoryError:
            tell({"refused": _too_much_memory()})
        except Exception as reason:
            refused = getattr(reason, "as_dict", None)
            tell({"refused": refused() if refused else _unexpected(reason)})
        else:
            tell({"done": True})
    return 0


def work(task: dict[str, Any], tell: Any) -> None:
    """`task` names `folder`, `main_file`, `framework`, `variants`, `skip`, and `rows` with `label` where there are."""
    from registry.conversion.inside import tables  # start-up: after the limits
    from registry.conversion.inside.opening import open_model
    from registry.conversion.inside.original import Refused
    from registry.conversion.inside.rows import BadRows
    from registry.conversion.inside.study import Study

    tell({"step": "loading the model", "share": 0.05})
    notes: list[str] = []
    original = open_model(Path(task["folder"]), task["main_file"], task["framework"], notes)
    for note in notes:
        tell({"note": note})
    own, labels = None, None
    if task.get("rows"):
        try:
            table, labels = tables.read(Path(task["rows"]), task.get("label", ""))
            own = original.read(table)
        except BadRows as reason:
            raise Refused("bad_rows", str(reason), hint="Send CSV with a line of names, or JSON.") from reason
    Study(original, own, labels, Path(task["out"]), tell, task.get("skip", {})).run(task["variants"])


def _finite(value: Any) -> Any:
    """JSON knows no infinity and no NaN: null stands for them."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def limit(memory: int) -> None:
    """As little as is needed. A system that does not know a limit (macOS and memory) goes without it."""
    for kind, value in {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_CORE: 0,
    }.items():
        hard = resource.getrlimit(kind)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):
            print(f"limit {kind} cannot be set here", file=sys.stderr)  # noqa: T201 - the studio keeps stderr


def _too_much_memory() -> dict[str, str]:
    return {
        "code": "conversion_memory",
        "message": "Loading or converting the model needs more memory than is allowed.",
        "hint": "Raise SLIPWAY_CONVERSION_MEMORY_BYTES and convert it again.",
        "evidence": "",
    }


def _unexpected(reason: Exception) -> dict[str, str]:
    return {
        "code": "conversion_failed",
        "message": f"The conversion failed: {type(reason).__name__}: {str(reason)[:300]}",
        "hint": "The text below says where. Serve the version as it is.",
        "evidence": traceback.format_exc()[-4000:],
    }


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
