"""Python tracebacks as people read them: short paths, and without the frames of the program that called theirs."""

import re

BEGIN = "Traceback (most recent call last):"
CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_FRAME = re.compile(r'^[\s|]*File "(?P<path>[^"]+)", line (?P<line>\d+)')
_ROOTS = ("/source/", "/site-packages/", "/dist-packages/")  # what follows is what people know a file by
_STANDARD_LIBRARY = re.compile(r"^.*/lib/python3\.\d+/")
_SERVER = re.compile(r"^(?:.*/)?scoring/[a-z_]+(?:/[a-z_]+)*\.py$")  # the scoring server, wherever it is installed


def shorten(text: str) -> str:
    """`text` with short paths in the frames of tracebacks; those of the scoring server become one line."""
    lines: list[str] = []
    hidden, is_inside = 0, False  # frames of the server since the last line that was kept
    for line in text.split("\n"):
        frame = _FRAME.match(line)
        is_inside = is_of_server(frame["path"]) if frame else is_inside and _belongs_to_frame(line)
        hidden += bool(frame and is_inside)
        if is_inside:
            continue
        lines += _counted(hidden)
        hidden = 0
        lines.append(line.replace(frame["path"], short_path(frame["path"]), 1) if frame else line)
    return "\n".join([*lines, *_counted(hidden)])


def _counted(frames: int) -> list[str]:
    return [f"  … {frames} frame{'s' if frames > 1 else ''} of the scoring server"] if frames else []


def short_path(path: str) -> str:
    """A file as people know it: below its bundle's source, its package, or the standard library."""
    for root in _ROOTS:
        _, found, rest = path.rpartition(root)
        if found:
            return rest
    return _STANDARD_LIBRARY.sub("", path)


def is_of_server(path: str) -> bool:
    """Whether a frame's file belongs to the scoring server and not to somebody's own code or packages."""
    return not any(root in path for root in _ROOTS) and bool(_SERVER.match(path))


def _belongs_to_frame(line: str) -> bool:
    """The line of code, and the marks below it, of the frame above: indented deeper than a frame."""
    return line.startswith("    ")
