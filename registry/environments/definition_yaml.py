"""A definition as YAML, as people edit it: written from an environment, and read with the line of everything. Pure.

Conda's files are read, too, and Azure's environments as JSON or YAML: `dependencies` tells the one, an object under
`python` or one of Azure's own names the other.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from registry.environments import azure_environment, conda_files, definition_text, dockerfiles, requirement_lines
from registry.inspection import untrusted_yaml
from studio.core.errors import BadInput

MAX_TEXT = 256 * 1024  # characters
# What a document may have, by the name of the field in `environments.define`.
FIELDS = {
    "description": "description",
    "python": "python_version",
    "requirements": "requirements",
    "variables": "variables",
    "base_image": "base_image",
    "dockerfile": "dockerfile",
    "docker_steps": "docker_steps",
    "conda": "conda",
    "wheels": "wheels",
}
AZURES = {"docker", "environmentVariables", "inferencingStackVersion", "spark", "databricks", "r"}
TEXTS = {"description", "python", "base_image", "dockerfile"}
LINES = {"requirements", "docker_steps"}
_LINE = re.compile(r"Line (\d+): ")


@dataclass(frozen=True)
class Document:
    """What a text says. `facts` are keywords of `environments.define` without name, wheels apart: `wheels` are the file
    names that the environment keeps, None where the text does not say."""

    facts: dict[str, Any]
    wheels: list[str] | None = None
    places: dict[str, list[int]] = field(
        default_factory=dict
    )  # of each field: the document's line of each of its lines

    def locate(self, error: BadInput) -> BadInput:
        """The error with the line of the document that it is about, where that is known."""
        places = self.places.get(error.field or "", [])
        if not places:
            return error
        found = _LINE.match(error.message)
        place = places[min(int(found[1]), len(places)) - 1] if found else places[0]
        message = error.message[found.end() :] if found else error.message
        error.message = f"Line {place}: {message}"
        error.args = (error.message,)
        error.field = "definition"
        return error


def write(facts: Mapping[str, Any], wheels: list[str]) -> str:
    """The document of a definition; empty parts are left out. `facts` as `requests.facts_of` gives them."""
    values = {key: facts.get(name) for key, name in FIELDS.items()} | {"wheels": wheels}
    document = {key: value for key, value in values.items() if value}
    document.setdefault("requirements", [])
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def read(text: str) -> Document:
    """The definition in a text. Raises `BadInput`, which begins with the line."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if len(text) > MAX_TEXT:
        raise _bad(0, f"The definition has more than {MAX_TEXT // 1024} KiB.")
    root = _compose(text)
    if not isinstance(root, yaml.MappingNode):
        raise _bad(1, "The definition must be a list of names and values, such as 'python: \"3.11\"'.")
    nodes = _nodes(root)
    if "dependencies" in nodes:
        return _read_conda(text, nodes["dependencies"])
    if AZURES & set(nodes) or isinstance(nodes.get("python"), yaml.MappingNode):
        return _read_azure(text, nodes)
    values: dict[str, Any] = {}
    places: dict[str, list[int]] = {}
    for key, node in nodes.items():
        if key not in FIELDS:
            raise _bad(_line(node), f"'{key[:100]}' is nothing that a definition has.", hint=f"It has {_known()}.")
        values[key], places[FIELDS[key]] = _value(key, node)
    _check_lines(values, places)
    wheels = values.pop("wheels", None)
    facts = {FIELDS[key]: value for key, value in values.items() if value}
    return Document(facts, wheels, places)


def _compose(text: str) -> yaml.Node | None:
    try:
        return untrusted_yaml.compose(text)
    except untrusted_yaml.Unreadable as reason:
        raise _bad(
            reason.line or 1,
            "This is no valid YAML.",
            hint="Check the indentation, and quote texts that hold a colon or begin with a special character. "
            "Anchors and aliases (&, *) are not read.",
            evidence=str(reason),
        ) from reason


def _nodes(root: yaml.MappingNode) -> dict[str, yaml.Node]:
    found: dict[str, yaml.Node] = {}
    for key, value in root.value:
        name = str(key.value)
        if name in found:
            raise _bad(_line(key), f"'{name[:100]}' is given twice.")
        found[name] = value
    return found


def _read_conda(text: str, node: yaml.Node) -> Document:
    try:
        written = definition_text.of_conda(conda_files.read(conda_files.load(text)))
    except BadInput as error:
        raise Document({}, places={error.field or "": [_line(node)]}).locate(error) from error
    facts = written.further | {"requirements": written.lines}
    facts |= {"python_version": written.python_version} if written.python_version else {}
    return Document(facts, places={name: [_line(node)] for name in facts})


def _read_azure(text: str, nodes: Mapping[str, yaml.Node]) -> Document:
    """Azure's azureml_environment.json. What has no counterpart here is named in the notes."""
    places = {name: [_line(node)] for name, node in nodes.items()}
    try:
        found = azure_environment.read(untrusted_yaml.load(text), None, "")
    except BadInput as error:
        error.field = "definition"
        raise
    facts = {**found.further, "requirements": found.requirements, "variables": found.variables}
    facts["notes"] = [*facts.get("notes", []), *found.warnings]
    facts |= {"python_version": found.python_version} if found.python_version else {}
    inside = {"base_image": "docker", "dockerfile": "docker", "variables": "environmentVariables"}
    return Document(facts, places={name: places.get(inside.get(name, "python"), []) for name in facts})


def _value(key: str, node: yaml.Node) -> tuple[Any, list[int]]:
    """A field's value, and the line of the document for each of its lines."""
    if _is_empty(node):
        return None, [_line(node)]
    if key in LINES:
        pairs = [pair for item in _items(key, node) for pair in _text_lines(item)]
        return [text for text, _ in pairs], [place for _, place in pairs] or [_line(node)]
    if key in TEXTS:
        pairs = _text_lines(_scalar(key, node))
        return "\n".join(text for text, _ in pairs), [place for _, place in pairs]
    if key == "wheels":
        return [str(_scalar(key, item).value) for item in _items(key, node)], [_line(node)]
    return _plain(key, node), [_line(node)]


def _plain(key: str, node: yaml.Node) -> Any:
    """Variables and conda's part: everything in them is text, as it was written."""
    if not isinstance(node, yaml.MappingNode):
        raise _bad(_line(node), f"'{key}' must be names and values.")
    found: dict[str, Any] = {}
    for name, value in node.value:
        if key == "conda":
            found[str(name.value)] = [str(_scalar(key, item).value) for item in _items(key, value)]
        else:
            found[str(name.value)] = str(_scalar(f"{key}.{name.value}", value).value)
    return found


def _items(key: str, node: yaml.Node) -> list[yaml.Node]:
    """The items of a list; a text stands for one."""
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    return [_scalar(key, node)]


def _scalar(key: str, node: yaml.Node) -> yaml.ScalarNode:
    if not isinstance(node, yaml.ScalarNode):
        hint = "Quote it if it holds a colon." if isinstance(node, yaml.MappingNode) else ""
        raise _bad(_line(node), f"'{key[:100]}' must be a text here.", hint=hint)
    return node


def _text_lines(node: yaml.Node) -> list[tuple[str, int]]:
    """The lines of a text, each with its line in the document."""
    scalar = _scalar("an item", node)
    first = _line(scalar)
    lines = str(scalar.value).rstrip("\n").split("\n")
    if scalar.style == "|":
        return [(text, first + 1 + number) for number, text in enumerate(lines)]
    return [(text, first) for text in lines]


def _check_lines(values: Mapping[str, Any], places: Mapping[str, list[int]]) -> None:
    """What is refused by line is refused here, where the lines are known."""
    checks: dict[str, Callable[[Any], Any]] = {
        "requirements": lambda lines: _check_requirements(lines, places["requirements"]),
        "docker_steps": dockerfiles.read_steps,
        "dockerfile": dockerfiles.read_dockerfile,
    }
    for key, check in checks.items():
        if values.get(key):
            try:
                check(values[key])
            except BadInput as error:
                raise Document({}, places=dict(places)).locate(error) from error


def _check_requirements(lines: list[str], places: list[int]) -> None:
    for text, place in zip(lines, places, strict=True):
        if text.strip() and not text.lstrip().startswith("#") and not text.endswith("\\"):
            try:
                requirement_lines.read_requirement(text.split(" #")[0].strip(), place=f"Line {place}")
            except BadInput as error:
                error.field = "definition"
                raise


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _known() -> str:
    return ", ".join(FIELDS)


def _bad(line: int, message: str, *, hint: str = "", evidence: str = "") -> BadInput:
    where = f"Line {line}: " if line else ""
    return BadInput(where + message, code="bad_definition", hint=hint, evidence=evidence, field="definition")


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, and lists set off from their names."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _write_text)
