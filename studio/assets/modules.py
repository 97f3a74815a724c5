"""One script out of our ES modules, so that a page loads one file instead of thirty. Needs no JavaScript toolchain.

Each module becomes a function that returns its exports, in the order in which they need each other:

    // upload/total.js                          const m0 = (() => {
    export function inBytes(count) { … }    →   function inBytes(count) { … }
                                                return { inBytes };
                                                })();
    // app.js
    import { inBytes } from "./total.js";   →   const { inBytes } = m0;

Only what our modules use is understood: one import or export at the start of a line, relative paths, named exports.
Anything else raises `UnknownSyntax`, so that a test fails instead of a page.
"""

import re
from pathlib import Path

_IMPORT = re.compile(r'^import \{ ([^}]+) \} from "(\.[^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function\*?|class|const|let) (\w+))", re.MULTILINE)
_UNKNOWN = re.compile(r"^(?:import|export)\b.*|\bimport\([\"'`].*|\bimport\.meta\b.*", re.MULTILINE)


class UnknownSyntax(Exception):
    """A module uses a form of import or export that the bundle does not know."""


def bundle(entry: Path) -> str:
    """The module `entry` and all that it imports as one script without imports."""
    numbers: dict[Path, int] = {}
    parts: list[str] = []
    _add(entry.resolve(), numbers, parts, [])
    return f'(() => {{\n"use strict";\n{"".join(parts)}}})();\n'


def _add(module: Path, numbers: dict[Path, int], parts: list[str], importers: list[Path]) -> int:
    """Add a module behind those that it imports; its number in the bundle."""
    if module in importers:
        raise UnknownSyntax(f"{module.name} imports itself through {importers[-1].name}.")
    if module not in numbers:
        text = module.read_text(encoding="utf-8")

        def imported(found: re.Match[str]) -> str:
            names = found[1].replace(" as ", ": ")
            number = _add((module.parent / found[2]).resolve(), numbers, parts, [*importers, module])
            return f"const {{ {names} }} = m{number};"

        exports = [found[2] for found in _EXPORT.finditer(text)]
        body = _EXPORT.sub(r"\1", _IMPORT.sub(imported, text))
        if unknown := _UNKNOWN.search(body):
            raise UnknownSyntax(f"{module.name}: {unknown[0]}")
        numbers[module] = len(numbers)
        parts.append(f"const m{numbers[module]} = (() => {{\n{body}\nreturn {{ {', '.join(exports)} }};\n}})();\n")
    return numbers[module]
