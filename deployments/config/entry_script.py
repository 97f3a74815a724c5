"""Read an entry script without running it: does it parse, and can its init() and run() be called?

Pure. The contract is Azure's: `init()` takes nothing; `run()` takes one argument for the request's data, and
`request_headers` if it wants them.
"""

import ast
import warnings
from collections.abc import Iterator

from deployments.config.findings import Finding

HEADERS = "request_headers"
# Decorators that keep the function's own parameters; with any other, only running it would tell.
TRANSPARENT = frozenset({"output_schema", "rawhttp"})
Function = ast.FunctionDef | ast.AsyncFunctionDef


def check_script(text: str | bytes, path: str) -> list[Finding]:
    """Findings about the script: an error for everything that would keep a service from starting."""
    tree = parse(text, path)
    if isinstance(tree, Finding):
        return [tree]
    return [_check_init(tree, path), _check_run(tree, path)]


def parse(text: str | bytes, path: str) -> ast.Module | Finding:
    """The syntax tree, or the finding that there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the script, such as odd escapes: not the studio's to log
            return ast.parse(text, filename=path)
    except SyntaxError as reason:
        message = f"{path} is no valid Python: {reason.msg}."
        return Finding("error", "syntax_error", message, "Correct the line.", path, reason.lineno)
    except (ValueError, RecursionError, MemoryError) as reason:  # NUL characters; nesting beyond the parser
        return Finding("error", "syntax_error", f"{path} cannot be read as Python: {reason}.", path=path)


def _check_init(tree: ast.Module, path: str) -> Finding:
    found = _find(tree, "init")
    if found is None:
        hint = "Define it at the top level: def init(): … loads the model once, before the first request."
        return Finding("error", "init_missing", f"{path} defines no init().", hint, path)
    if not isinstance(found, Function) or _decorated(found):
        return Finding("ok", "init_found", "init() is there.", path=path, line=found.lineno)
    required = len(found.args.posonlyargs + found.args.args) - len(found.args.defaults)
    required += sum(default is None for default in found.args.kw_defaults)
    if required or isinstance(found, ast.AsyncFunctionDef):
        why = "is asynchronous" if isinstance(found, ast.AsyncFunctionDef) else "asks for arguments"
        hint = "The server calls it as init()."
        return Finding("error", "init_not_callable", f"init() {why}.", hint, path, found.lineno)
    return Finding("ok", "init_found", "init() is there.", path=path, line=found.lineno)


def _check_run(tree: ast.Module, path: str) -> Finding:
    found = _find(tree, "run")
    if found is None:
        hint = "Define it at the top level: def run(data): … returns the prediction for one request."
        return Finding("error", "run_missing", f"{path} defines no run().", hint, path)
    fault = _fault_of_run(found) if isinstance(found, Function) and not _decorated(found) else ""
    if fault:
        hint = "Give it one argument for the request's data: def run(data)."
        return Finding("error", "run_not_callable", f"run() {fault}.", hint, path, found.lineno)
    return Finding("ok", "run_found", "run() is there and takes the request's data.", path=path, line=found.lineno)


def _fault_of_run(function: Function) -> str:
    arguments = function.args
    if arguments.posonlyargs:
        return "has positional-only arguments; the server passes them by name"
    if arguments.vararg or arguments.kwarg:
        return "takes *args or **kwargs; name its arguments instead"
    return _fault_of_count(arguments)


def _fault_of_count(arguments: ast.arguments) -> str:
    by_position = len(arguments.args) - len(arguments.defaults)
    needed = [one.arg for one in arguments.args[:by_position]]
    needed += [one.arg for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if not default]
    if len([name for name in needed if name != HEADERS]) > 1:
        return f"asks for several arguments ({', '.join(needed)}); the request's data is one"
    if not [one for one in arguments.args + arguments.kwonlyargs if one.arg != HEADERS]:
        return "takes no argument for the request's data"
    return ""


def _decorated(function: Function) -> bool:
    """By something whose effect on the arguments is not known."""
    return any(_last_name(decorator) not in TRANSPARENT for decorator in function.decorator_list)


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _find(tree: ast.Module, name: str) -> ast.stmt | None:
    """What gives the module this name, the last one if there are several."""
    found = [statement for statement in _statements(tree.body) if name in _names_given_by(statement)]
    return found[-1] if found else None


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Top-level statements, also those inside if, try and with. No recursion: elif chains can be deep."""
    waiting = body[::-1]
    while waiting:
        statement = waiting.pop()
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            inner = [inner for part in ("body", "orelse", "finalbody") for inner in getattr(statement, part, [])]
            inner += [inner for handler in getattr(statement, "handlers", []) for inner in handler.body]
            waiting += inner[::-1]


def _names_given_by(statement: ast.stmt) -> set[str]:
    if isinstance(statement, Function | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Assign):
        return {target.id for target in statement.targets if isinstance(target, ast.Name)}
    if isinstance(statement, ast.ImportFrom | ast.Import):
        return {alias.asname or alias.name for alias in statement.names}
    return set()
