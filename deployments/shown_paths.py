"""Names of folders as people may read them: relative to bundle, environment or library, without the machine's own."""

import re
import sys
from functools import cache
from pathlib import Path

from django.conf import settings

END = r"""(?=[/\s"':,)]|$)"""  # what may follow the name of a folder


def shorten_paths(text: str) -> str:
    """The text, such as a traceback, with the studio's own folders replaced by words."""
    for pattern, word in _patterns(str(settings.DATA_DIR)):
        text = pattern.sub(word, text)
    return text


@cache
def _patterns(data: str) -> list[tuple[re.Pattern[str], str]]:
    """Longest first: what lies in the data folder, the studio's own Python and code, the home folder."""
    name = r"/[^/\s\"'<>:]+"
    below = [("bundles", "bundle"), ("environments", "environment"), ("lib", "library")]
    found = [(re.compile(f"{re.escape(data)}/{folder}{name}"), word) for folder, word in below]
    folders = {data: "data", sys.prefix: "environment", str(settings.BASE_DIR): "slipway", str(Path.home()): "~"}
    return found + [
        (re.compile(rf"(?<![\w/.-]){re.escape(folder)}{END}"), word)
        for folder, word in sorted(folders.items(), key=lambda item: -len(item[0]))
        if folder != "/"
    ]
