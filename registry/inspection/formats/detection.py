"""What kind of file is this? Answered by content; the name only breaks ties."""

import codecs
import json
import lzma
import zipfile
import zlib
from pathlib import Path

HEAD = 4096  # bytes that are enough to tell
MAX_SCHEMA = 64 * 1024 * 1024  # bytes of a skops schema that are read
MAX_SAFETENSORS_HEADER = 100 * 1024 * 1024  # bytes, the format's own limit
MAX_IR_VERSION = 63
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x04\x22\x4d\x18": "lz4",
}
_ZLIB_SECOND = frozenset(b"\x01\x5e\x9c\xda")
_LZMA_DICTIONARIES = frozenset(2**power for power in range(12, 31)) | {3 * 2**power for power in range(11, 29)}
# What reading a damaged member of a zip raises, and parsing what is no JSON.
_UNREADABLE = (
    ValueError,
    RecursionError,
    OSError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
_MAGIC = {
    b"\x89HDF\r\n\x1a\n": "hdf5",
    b"\x93NUMPY": "numpy",
    b"CBM1": "catboost",
    b"%PDF": "pdf",
    b"\x7fELF": "program",
}


def format_of(path: Path) -> str:
    """One of: empty, onnx?, pickle, compressed, torch, pt2, keras, skops, zip, hdf5, safetensors, json, xgboost-ubj,
    lightgbm, catboost, numpy, pdf, program, text, binary. `onnx?` has the first bytes of ONNX; only reading it tells.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        return "empty"
    if head.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path)
    return _by_magic(head, path.stat().st_size) or _text_or_protobuf(head, path)


def first_look(head: bytes, size: int) -> str:
    """What the first bytes of a file of `size` bytes tell, in the words of `format_of`; the end of the file may be
    missing yet, so that archives are zip and all texts text. Empty where they tell nothing."""
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if found := _by_magic(head, size):
        return found
    if is_text(head[: HEAD - 1]):
        return "lightgbm" if head.startswith((b"tree\n", b"tree\r\n")) else "text"
    return "onnx?" if len(head) > 2 and head[0] == 0x08 and head[1] <= MAX_IR_VERSION else ""


def _by_magic(head: bytes, size: int) -> str:
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if compression_of(head):
        return "compressed"
    if is_pickle(head):
        return "pickle"
    return "safetensors" if is_safetensors(head, size) else ""


def compression_of(head: bytes) -> str:
    """gzip, bz2, xz, lz4, zlib, lzma, or nothing: all that joblib packs with."""
    for magic, name in _COMPRESSED.items():
        if head.startswith(magic):
            return name
    zlib = len(head) > 2 and head[0] == 0x78 and head[1] in _ZLIB_SECOND
    return "zlib" if zlib else "lzma" * _is_lzma(head)


def _is_lzma(head: bytes) -> bool:
    """A stream of LZMA alone has no magic: the usual properties, then the sizes of dictionary and data."""
    if len(head) < 14 or head[0] != 0x5D or head[13] != 0:
        return False
    size = int.from_bytes(head[5:13], "little")
    return int.from_bytes(head[1:5], "little") in _LZMA_DICTIONARIES and (size == 2**64 - 1 or size < 2**40)


def is_pickle(head: bytes) -> bool:
    """Binary pickles say their protocol first; older ones begin with a global's name."""
    binary = len(head) > 2 and head[0] == 0x80 and head[1] <= 5
    return binary or (head.startswith((b"c", b"(")) and b"\n" in head[:200] and _looks_like_old_pickle(head))


def _looks_like_old_pickle(head: bytes) -> bool:
    return any(module in head[:200] for module in (b"ccopy_reg\n", b"ccopyreg\n", b"c__builtin__\n", b"csklearn"))


def is_safetensors(head: bytes, size: int) -> bool:
    """Eight bytes of length, then that much JSON."""
    length = int.from_bytes(head[:8], "little")
    return 2 <= length <= MAX_SAFETENSORS_HEADER and length <= size - 8 and head[8:9] == b"{"


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "schema.json" in names and is_skops(archive):
                return "skops"
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "binary"
    if any(name.endswith("/archive_format") for name in names) and any("/models/" in name for name in names):
        return "pt2"
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        return "torch"
    return "keras" if {"config.json", "metadata.json"} <= set(names) else "zip"


def is_skops(archive: zipfile.ZipFile) -> bool:
    """Whether its schema.json says what skops says: a protocol, and the class of the object."""
    try:
        with archive.open("schema.json") as file:
            schema = json.loads(file.read(MAX_SCHEMA))
    except _UNREADABLE:
        return False
    return isinstance(schema, dict) and {"protocol", "__module__", "__class__"} <= schema.keys()


def _text_or_protobuf(head: bytes, path: Path) -> str:
    if is_text(head):
        return _kind_of_text(head, path)
    if head.startswith(b"{") and b"learner" in head[:512]:
        return "xgboost-ubj"
    # The first field of an ONNX file is its IR version: tag 0x08, then a small number.
    if head[0] == 0x08 and len(head) > 2 and head[1] <= MAX_IR_VERSION:
        return "onnx?"
    return "binary"


def is_text(head: bytes) -> bool:
    """UTF-8 without control characters other than line ends and tabs."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD)
    except UnicodeDecodeError:
        return False
    return bool(text) and not any(ord(character) < 32 and character not in "\t\n\r\f" for character in text)


def _kind_of_text(head: bytes, path: Path) -> str:
    if head.lstrip().startswith(b"{") and _is_json(path):
        return "json"
    return "lightgbm" if head.startswith((b"tree\n", b"tree\r\n")) else "text"


def _is_json(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            json.load(file)
    except (ValueError, RecursionError):
        return False
    return True
