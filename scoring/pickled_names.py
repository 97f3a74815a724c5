"""Which names a pickle may import where no script stands around it. Pure: the studio reads files by it before anything
is deployed, and the scoring server holds to it while it loads them.

A pickle is a program: it calls whatever it imports. Without an entry script nobody has taken responsibility for that,
so that only the libraries of the loaders are allowed, and of these nothing that runs programs or reads files.
"""

import re

# Whose estimators are served without code; the environment of such a model has those that its file names.
LIBRARIES = frozenset({"sklearn", "numpy", "scipy", "joblib", "pandas", "xgboost", "lightgbm", "catboost"})
_TROUBLE = frozenset(
    {
        "os",
        "posix",
        "nt",
        "subprocess",
        "sys",
        "socket",
        "shutil",
        "runpy",
        "importlib",
        "ctypes",
        "pty",
        "code",
        "webbrowser",
    }
)
_TROUBLESOME_BUILTINS = frozenset({"eval", "exec", "compile", "open", "__import__", "getattr", "breakpoint"})
_BUILTINS = ("builtins", "__builtin__")
_PLAIN_BUILTINS = frozenset({"bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list"}) | {
    "long",
    "object",
    "range",
    "set",
    "slice",
    "str",
    "tuple",
    "unicode",
}
_PLAIN = frozenset(
    {
        "_codecs.encode",
        "collections.OrderedDict",
        "collections.Counter",
        "collections.defaultdict",
        "collections.deque",
        "copy_reg._reconstructor",
        "copyreg._reconstructor",
        "copyreg.__newobj__",
        "datetime.date",
        "datetime.datetime",
        "datetime.timedelta",
        "decimal.Decimal",
        "functools.partial",
        "re._compile",
        "uuid.UUID",
    }
)
# Parts of the libraries that run code, start programs, load further files or ask the network.
_CLOSED = re.compile(
    r"(numpy\.(testing|distutils|f2py|ctypeslib|lib\.(_?npyio|_?format|_?utils)|load|loadtxt|memmap|fromfile|save\w*)"
    r"|joblib\.(externals|load|dump|memory|parallel|pool|executor|hashing|func_inspect|test)"
    r"|pandas\.(io|eval|core\.computation|read_|to_|util|_testing|compat|plotting)"
    r"|scipy\.(io|datasets|_lib\._testutils|weave|misc)"
    r"|sklearn\.(datasets|utils\._testing|externals|conftest|_build_utils)"
    r"|(xgboost|lightgbm)\.(dask|spark|testing|tracker|federated|libpath|collective|plotting)"
    r"|catboost\.(utils|datasets|widget|dev_utils|metrics))"
)


def is_trouble(name: str) -> bool:
    """Whether a model has no business with this name at all: it runs programs, or text as code."""
    module, _, attribute = name.rpartition(".")
    top = module.partition(".")[0]
    return top in _TROUBLE or (top in _BUILTINS and attribute in _TROUBLESOME_BUILTINS)


def is_allowed(name: str) -> bool:
    """Whether a file that is loaded without a script may import this name, 'sklearn.svm._classes.SVC'."""
    module, _, attribute = name.rpartition(".")
    if module in _BUILTINS:
        return attribute in _PLAIN_BUILTINS
    return name in _PLAIN or (name.partition(".")[0] in LIBRARIES and not _CLOSED.match(name))


def is_foreign(name: str) -> bool:
    """Whether it is of a module that is none of the loaders' libraries, such as the author's own."""
    return not is_trouble(name) and not is_allowed(name) and name.partition(".")[0] not in LIBRARIES
