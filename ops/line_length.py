"""A rule of djlint: lines that can be read in a diff. A pattern in .djlint_rules.yaml would skip comments and <pre>."""

from typing import Any

MAX_CHARACTERS = 120


def run(rule: dict[str, Any], html: str, **_: Any) -> list[dict[str, str]]:
    """One finding for each line of `html` that is too long."""
    return [
        {"code": rule["name"], "line": f"{number}:0", "match": line[:20], "message": rule["message"]}
        for number, line in enumerate(html.splitlines(), start=1)
        if len(line) > MAX_CHARACTERS
    ]
