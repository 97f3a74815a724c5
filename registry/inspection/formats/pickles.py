"""Read pickles without loading them: walk the opcodes, note what would be imported.

joblib writes arrays raw into the middle of its pickles, where opcodes end; what comes before them names the
model's class, and a search of the bytes finds the version that scikit-learn notes.
"""

import bz2
import gzip
import io
import lzma
import pickletools
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from registry.inspection.formats.detection import HEAD, compression_of, is_pickle
from registry.inspection.formats.report import Report
from registry.inspection.formats.rows import signature_of_rows, xgboost_version
from scoring.pickled_names import is_trouble

MAX_OPCODES = 2_000_000
MAX_SEARCH = 1024 * 1024 * 1024  # bytes, unpacked, that are searched for a version
MAX_GLOBALS = 200
MAX_BOOSTER = 64 * 1024 * 1024  # bytes of a pickled booster that are searched for its version
FRAMEWORKS = {
    "sklearn": "scikit-learn",
    "torch": "pytorch",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "keras": "keras",
    "tensorflow": "tensorflow",
}
FITTED_ON = "n_features_in_"
FINDS_COLUMNS = re.compile(r"sklearn\.(compose|feature_extraction)\.")  # rows are no matrix of numbers then
# The note, perhaps a memo opcode, then a text: opcode, length (one byte or four), characters.
_VERSION = re.compile(
    rb"_sklearn_version(?:\x94|q.|r.{4})?(?:[\x8cU](.)|X(.)\0\0\0)([0-9][0-9A-Za-z.+]{1,31})", re.DOTALL
)
# All that is known to be raised over bytes that are not what they begin as.
BROKEN = (ValueError, EOFError, OSError, IndexError, KeyError, OverflowError, struct.error, zlib.error, lzma.LZMAError)


class _Inflated(io.RawIOBase):
    """A zlib stream as a file, unpacked piece by piece."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed, self._inflate, self._given = packed, zlib.decompressobj(), 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:  # pickletools asks where it is
        return self._given

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._inflate.eof:
            piece = self._inflate.unconsumed_tail or self._packed.read(65536)
            out = self._inflate.decompress(piece, len(buffer))
            if out:
                buffer[: len(out)] = out
                self._given += len(out)
                return len(out)
            if not piece:
                break
        return 0


def opened(path: Path) -> tuple[BinaryIO, str]:
    """The file unpacked, and how it was packed."""
    with path.open("rb") as file:
        packing = compression_of(file.read(HEAD))
    if packing == "zlib":
        return io.BufferedReader(_Inflated(path.open("rb")), 65536), packing
    if packing == "gzip":
        return gzip.GzipFile(path), packing  # type: ignore[return-value]
    if packing == "bz2":
        return bz2.BZ2File(path), packing  # type: ignore[return-value]
    if packing in {"xz", "lzma"}:
        return lzma.LZMAFile(path), packing  # type: ignore[return-value]
    return path.open("rb"), packing


def holds_pickle(path: Path) -> bool:
    """Is there a pickle in this compressed file?"""
    try:
        file, _ = opened(path)
        with file:
            return is_pickle(file.read(HEAD))
    except (*BROKEN, MemoryError):  # a header may claim a dictionary of gigabytes
        return False


def read_packed(path: Path) -> Report:
    """Compressed data that is no pickle, or that cannot be unpacked here."""
    with path.open("rb") as file:
        packing = compression_of(file.read(HEAD))
    report = Report("compressed", f"is data compressed with {packing}", facts={"packing": packing})
    if packing == "lz4":
        report.warnings.append(
            "It is compressed with lz4, which is not unpacked here, so that nothing is known of what it would load. "
            "Say its framework yourself, or write it with another compressor such as zlib."
        )
    return report


def read(path: Path) -> Report:
    """What a pickle would import, and so which framework it is of."""
    file, packing = opened(path)
    walk = _Walk()
    with file:
        whole = _walk_through(file, walk)
    modules = walk.found
    report = report_of(modules, "pickle", "is a pickle")
    report.facts |= {"globals": sorted(modules)[:MAX_GLOBALS], "read_whole": whole, "packing": packing}
    if report.framework == "scikit-learn":
        report.framework_version = _sklearn_version(path)
    elif report.framework == "xgboost":
        report.framework_version = _xgboost_version(path)
    if not any(FINDS_COLUMNS.match(name) for name in modules):
        report.signature = signature_of_rows(walk.features)
    return report


def read_torch(path: Path) -> Report:
    """A PyTorch archive: a pickle with the tensors beside it."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        with archive.open(next(name for name in names if name.endswith("data.pkl"))) as data:
            modules, whole = globals_of(data)  # type: ignore[arg-type]
    report = report_of(modules, "torch", "is a PyTorch file")
    report.framework = "pytorch"
    script = any(name.endswith("/constants.pkl") for name in names)
    report.facts |= {"globals": sorted(modules)[:MAX_GLOBALS], "read_whole": whole, "torchscript": script}
    return report


def report_of(modules: list[str], format: str, looks_like: str) -> Report:
    """The framework of the first import that has one; imports that a model has no business with are named."""
    known = (FRAMEWORKS.get(name.split(".")[0]) for name in modules)
    report = Report(format, looks_like, next(filter(None, known), "custom"))
    trouble = sorted(name for name in modules if is_trouble(name))
    if trouble:
        report.warns_of_code = True
        report.warnings.append(f"Loading this file would run {', '.join(trouble[:5])}. Deploy it only if you trust it.")
    return report


def globals_of(file: BinaryIO) -> tuple[list[str], bool]:
    """Names a pickle would import ('sklearn.svm._classes.SVC'), in order, and whether it was read to its end."""
    walk = _Walk()
    whole = _walk_through(file, walk)
    return walk.found, whole


def _walk_through(file: BinaryIO, walk: "_Walk") -> bool:
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            walk.step(opcode.name, argument)
            if count > MAX_OPCODES:
                return False
    except BROKEN:
        return False
    return True


class _Walk:
    """As much of a pickle machine as it takes to know the names that STACK_GLOBAL finds on the stack."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.features = 0  # that the outermost estimator was fitted on
        self._awaits_features = False
        self._memo: dict[int, str] = {}
        self._texts: list[str] = ["", ""]  # the last two texts on the stack

    def step(self, name: str, argument: object) -> None:
        if name in {"GLOBAL", "INST"}:
            self._note(str(argument).replace(" ", "."))
        elif name == "STACK_GLOBAL":
            self._note(".".join(self._texts[-2:]))
        elif "UNICODE" in name or "STRING" in name:
            self._texts = [self._texts[-1], str(argument)]
            self._awaits_features = argument == FITTED_ON and not self.features
        elif "INT" in name and self._awaits_features and isinstance(argument, int):
            self.features, self._awaits_features = argument, False
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = self._texts[-1]
        elif name in {"PUT", "BINPUT", "LONG_BINPUT"}:
            self._memo[int(str(argument))] = self._texts[-1]
        elif name in {"GET", "BINGET", "LONG_BINGET"}:
            self._texts = [self._texts[-1], self._memo.get(int(str(argument)), "")]

    def _note(self, name: str) -> None:
        if name not in self.found and len(self.found) < 10 * MAX_GLOBALS:
            self.found.append(name[:200])


def _xgboost_version(path: Path) -> str:
    """A pickled booster is its own format as bytes, at whose end the version stands."""
    file, _ = opened(path)
    with file:
        try:
            return xgboost_version(file.read(MAX_BOOSTER))
        except BROKEN:
            return ""


def _sklearn_version(path: Path) -> str:
    """Estimators note the version that made them; it stands in plain bytes."""
    file, _ = opened(path)
    seen, tail = 0, b""
    with file:
        try:
            while seen < MAX_SEARCH and (piece := file.read(1024 * 1024)):
                seen += len(piece)
                if match := _VERSION.search(tail + piece):
                    length = (match[1] or match[2])[0]
                    return match[3][:length].decode()
                tail = piece[-100:]
        except BROKEN:
            return ""
    return ""
