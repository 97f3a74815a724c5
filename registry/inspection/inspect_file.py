"""The program that looks inside untrusted files; run by `warm_process.py`, never imported by the studio.

`inspect_file.py FOLDER MEMORY_BYTES CPU_SECONDS DECLARED_FRAMEWORK` prints JSON objects, a line each: a finding, or
`{"rejected": {...}}`. The last one counts, whatever becomes of the process afterwards. It lowers its own limits before
it touches a file, opens nothing for writing, refuses sockets and processes, and never unpickles.
"""

import importlib
import json
import os
import resource
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.inspection.formats.report import Report

ROOT = Path(__file__).resolve().parents[2]
OURS = ("registry", "scoring")  # packages that the program needs
OUTPUT_BYTES = 32 * 1024 * 1024
_FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pickle.find_class")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def preload() -> None:
    """Load what every inspection needs; no file has been touched then."""
    make_importable()
    formats = "registry.inspection.formats"
    for name in ("onnx.checker", f"{formats}.folder", f"{formats}.onnx_trial", f"{formats}.onnx_shapes"):
        importlib.import_module(name)


def make_importable() -> None:
    """Load our packages from where they lie; the folder around them may be closed to this program."""
    for name in OURS:
        if name not in sys.modules:
            place = ROOT / name
            found = spec_from_file_location(name, place / "__init__.py", submodule_search_locations=[str(place)])
            assert found is not None and found.loader is not None  # noqa: S101, PT018 - there is such a file
            sys.modules[name] = module_from_spec(found)
            found.loader.exec_module(sys.modules[name])


def main(folder: str, memory: str, seconds: str, declared: str) -> int:
    """Inspect `folder`; the exit status is 0 whenever there is an answer, good or bad."""
    answer_to = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # libraries that print must not print into the answer
    limit(int(memory), int(seconds))
    sys.addaudithook(refuse)
    make_importable()
    with answer_to:

        def answer(value: dict[str, Any]) -> None:
            answer_to.write(json.dumps(value).encode() + b"\n")
            answer_to.flush()

        answer(inspect(Path(folder), declared, answer))
    return 0


def inspect(folder: Path, declared: str, keep: Callable[[dict[str, Any]], None] = lambda _: None) -> dict[str, Any]:
    """The answer. `keep` is given what there is before a step that the process may not survive."""
    from registry.inspection.formats.folder import inspect_folder  # start-up: after the limits
    from registry.inspection.formats.report import Refused  # start-up: after the limits

    try:
        report = inspect_folder(folder, declared)
        if report.format == "onnx":
            from registry.inspection.formats.onnx_shapes import infer  # start-up: only for graphs
            from registry.inspection.formats.onnx_trial import try_out  # start-up: only for graphs

            try_out(report, folder, lambda: keep(_finding(report)))
            infer(report, folder, lambda: keep(_finding(report)))
    except Refused as refused:
        return {"rejected": refused.as_dict()}
    except MemoryError:
        message = "Looking inside needs more memory than is allowed."
        hint = "The file may be damaged; or raise SLIPWAY_INSPECTION_MEMORY_BYTES and inspect it again."
        return {"rejected": {"code": "inspection_memory", "message": message, "hint": hint}}
    return _finding(report)


def _finding(report: "Report") -> dict[str, Any]:
    return {
        "framework": report.framework,
        "framework_version": report.framework_version[:32],
        "signature": report.signature,
        "facts": report.facts | {"warnings": report.warnings},
        "graph": report.graph,
    }


def limit(memory: int, seconds: int) -> None:
    """As little as is needed. A system that does not know a limit (macOS and memory) goes without it."""
    wanted = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: OUTPUT_BYTES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):
            print(f"limit {kind} cannot be set here", file=sys.stderr)  # noqa: T201 - the studio keeps stderr


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: no network, no processes, no unpickling, no writing."""
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"the inspection program does not {event}")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING and arguments[0] != "/dev/null":
        raise PermissionError(f"the inspection program does not write {arguments[0]}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
