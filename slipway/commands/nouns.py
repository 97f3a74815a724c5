"""Nouns of the command line and what all their verbs share: options of output, examples, types as people read them."""

import inspect
import re
from collections.abc import Callable
from copy import copy
from functools import wraps
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import typer
from typer.core import TyperCommand
from typer.models import ArgumentInfo, OptionInfo

from slipway import output
from slipway.formats import Format

Command = TypeVar("Command", bound=Callable[..., None])

AsJson = Annotated[bool, typer.Option("--json", help="The same as --output json.")]
OutputFormat = Annotated[
    Format | None,
    typer.Option("--output", "-o", help="Print the result so; json and yaml hold all of it, tsv is without headings."),
]
Query = Annotated[
    str, typer.Option("--query", metavar="JMESPATH", help="Print this part of the result, such as '[].name'.")
]
METAVARS: dict[Any, str] = {int: "NUMBER", float: "NUMBER", Path: "PATH", str: "TEXT"}


class Verb(TyperCommand):
    """A command whose help says of an argument what it is, and not the Python type beside it."""

    def get_help(self, ctx: Any) -> str:
        return re.sub(r" <(str|int|list\[str\])>", lambda found: " " * len(found[0]), super().get_help(ctx))


class Noun(typer.Typer):
    """A noun: `slipway NOUN VERB`."""

    def __init__(self, help: str) -> None:
        super().__init__(help=help, no_args_is_help=True)
        self.callback()(_nothing)  # a noun with one verb is still one

    def verb(self, *examples: str, name: str | None = None) -> Callable[[Command], Command]:
        """Make a function a verb. `examples` stand at the end of its help; lines of one are joined by a line feed."""
        return add_verb(self, *examples, name=name)


def add_verb(app: typer.Typer, *examples: str, name: str | None = None) -> Callable[[Command], Command]:
    """`Noun.verb` for any app."""

    def add(command: Command) -> Command:
        app.command(name, cls=Verb, epilog=_epilog(examples))(_with_output_options(command))
        return command

    return add


def _nothing() -> None: ...


def _epilog(examples: tuple[str, ...]) -> str:
    lines = [f"  {line}" for example in examples for line in example.splitlines()]
    return "\n".join(["\b", "Examples:", *lines])


def _with_output_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with --output, --query and --json, which are settled before it runs."""
    own = [_with_metavar(one) for one in inspect.signature(command, eval_str=True).parameters.values()]

    @wraps(command)
    def run(*, output_format: Format | None, query: str, as_json: bool, **given: Any) -> None:
        output.choose(output_format or ("json" if as_json else ""), query)
        command(**given)

    shared = {"output_format": (OutputFormat, None), "query": (Query, ""), "as_json": (AsJson, False)}
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in shared.items()
    ]
    signature = inspect.Signature([*own, *options])
    run.__signature__ = signature  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
    return run


def _with_metavar(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter with TEXT, NUMBER or PATH for its type, unless it says what it takes itself."""
    if get_origin(parameter.annotation) is not Annotated:
        return parameter
    kind, info, *_ = get_args(parameter.annotation)
    metavar = METAVARS.get(_innermost(kind))
    if metavar is None or not isinstance(info, OptionInfo | ArgumentInfo) or info.metavar:
        return parameter
    info = copy(info)
    info.metavar = metavar
    return parameter.replace(annotation=Annotated[kind, info])


def _innermost(kind: Any) -> Any:
    """`str` of `str | None`, of `list[str]`, and of both together."""
    if get_origin(kind) in {Union, UnionType, list}:
        inner = [one for one in get_args(kind) if one is not type(None)]
        return _innermost(inner[0]) if len(inner) == 1 else kind
    return kind
