"""Every format that is not known to be safe is warned of."""

import io

import numpy
import pytest

from registry.inspection.formats.folder import ORDER
from registry.inspection.formats.trust import SAFE, may_carry_code
from tests.registry.packing import zipped

WARNING = "can run code that the file brings. Deploy it only if you trust whoever made it."


def npy(array):
    file = io.BytesIO()
    numpy.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    "files",
    [
        {"arrays.npz": zipped({"a.npy": npy(numpy.array([{}], dtype=object))})},
        {"array.npy": npy(numpy.array([{}], dtype=object))},
        {"lambda.keras": zipped({"config.json": b"{}", "metadata.json": b"{}"})},
        {"rubbish.h5": b"\x89HDF\r\n\x1a\n" + bytes(100)},
        {"weights.bin": bytes(range(1, 200))},
        {"model.pkl": b"\x80\x04]\x94."},
        {"MLmodel": b"flavors: !!python/object/apply:os.system [true]\n"},
        {"conda.yaml": b"a: !!python/name:os.system\n"},
        {"program": b"\x7fELF" + bytes(100)},
    ],
    ids=lambda files: next(iter(files)),
)
def test_what_may_carry_code_is_warned_of(read_formats, files):
    (warning,) = read_formats(files).warnings
    assert warning == f"Loading {next(iter(files))} {WARNING}"


@pytest.mark.parametrize(
    "files",
    [
        {"array.npy": npy(numpy.zeros(3))},
        {"notes.txt": b"hello\n"},
        {"score.py": b"import os\n"},
        {"data.json": b'{"a": 1}'},
        {"tree.txt": b"tree\nversion=v4\n"},
        {"conda.yaml": b"name: x\n"},
    ],
    ids=lambda files: next(iter(files)),
)
def test_numbers_and_texts_are_not_warned_of(read_formats, files):
    assert read_formats(files).warnings == []


def test_files_beside_the_model_count_and_a_few_are_named(read_formats):
    files = {"model.json": b'{"learner": {}}'} | {f"extra/{name}.pkl": b"\x80\x04]\x94." for name in "abcde"}
    (warning,) = read_formats(files).warnings
    assert warning == f"Loading extra/a.pkl, extra/b.pkl, extra/c.pkl and 2 more {WARNING}"


def test_a_format_that_nobody_thought_of_counts_as_unsafe(tmp_path):
    unsafe = {found for found in ORDER if found not in SAFE}
    assert {"pickle", "torch", "keras", "hdf5", "zip", "compressed", "binary", "saved-model"} <= unsafe
    assert may_carry_code(tmp_path / "x", "a new one")
