"""Pure: JSON for people to read and edit: indented, but lists of plain values on one line."""

import json
from typing import Any

STEP = "  "


def readable(value: Any, indent: str = "") -> str:
    """`json.dumps` with numbers of one row beside each other instead of below."""
    deeper = indent + STEP
    if isinstance(value, dict) and value:
        parts = [
            f"{deeper}{json.dumps(str(key), ensure_ascii=False)}: {readable(one, deeper)}" for key, one in value.items()
        ]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(one, (dict, list)) for one in value):
        return "[\n" + ",\n".join(deeper + readable(one, deeper) for one in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False)
