"""Formats are detected by content, not by name; no user object is ever loaded."""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import pickle
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from onnx import TensorProto

from registry.inspection.formats.report import Refused
from tests.registry.factories import onnx_bytes


def test_onnx_is_detected_by_its_content(read_formats):
    report = read_formats({"weights.bin": onnx_bytes(), "README.md": b"words"})
    assert (report.framework, report.facts["main_file"]) == ("onnx", "weights.bin")


PACKINGS = {
    "plain": bytes,
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda content: lzma.compress(content, lzma.FORMAT_ALONE),
}


class Evil:
    def __reduce__(self):
        return os.system, ("echo pwned",)


@pytest.mark.parametrize("packing", PACKINGS)
def test_compressed_pickles_are_scanned_and_never_loaded(read_formats, packing):
    report = read_formats({"model.pkl": PACKINGS[packing](pickle.dumps(Evil()))})
    assert (report.framework, report.facts["format"]) == ("custom", "pickle")
    assert report.warnings == ["Loading this file would run posix.system. Deploy it only if you trust it."]


@pytest.fixture(scope="module")
def forest():
    """A fitted scikit-learn pipeline, as joblib and as pickle bytes."""
    joblib = pytest.importorskip("joblib")
    pytest.importorskip("sklearn")
    from sklearn.ensemble import RandomForestClassifier  # optional: only where scikit-learn is installed
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), RandomForestClassifier(5)).fit(np.eye(4), [0, 1, 0, 1])
    out = io.BytesIO()
    joblib.dump(model, out)
    return {"joblib": out.getvalue(), "pickle": pickle.dumps(model), "old": pickle.dumps(model, protocol=2)}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("writer", ["joblib", "pickle", "old"])
def test_scikit_learn_is_detected_in_every_compression(read_formats, forest, packing, writer):
    import sklearn  # optional: the fixture has made sure of it

    report = read_formats({"model.bin": PACKINGS[packing](forest[writer])})
    assert (report.framework, report.framework_version) == ("scikit-learn", sklearn.__version__)
    assert "sklearn.pipeline.Pipeline" in report.facts["globals"]


def zip_of(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def safetensors(end=16, size=16):
    header = {"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, end]}, "__metadata__": {"format": "pt"}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(size)


TORCH = zip_of({"m/data.pkl": b"\x80\x02ccollections\nOrderedDict\n.", "m/data/0": b"1234", "m/version": b"3"})
KERAS = zip_of({"config.json": b'{"class_name": "Sequential", "config": {"layers": [1, 2]}}'}
               | {"metadata.json": b'{"keras_version": "3.15.0"}', "model.weights.h5": b"x"})  # fmt: skip
XGBOOST = json.dumps({"learner": {"objective": {"name": "binary:logistic"}}, "version": [3, 2, 0]}).encode()


def damaged_lzma_zip():
    """A zip whose schema.json is packed with LZMA, its properties overwritten."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("schema.json", b"{}" * 100)
    content = bytearray(packed.getvalue())
    place = content.index(b"schema.json") + len(b"schema.json") + 4  # behind the version and size of the properties
    content[place : place + 5] = b"\xff" * 5
    return bytes(content)


def skops_node(name, **content):
    module, _, class_ = name.rpartition(".")
    return {"__module__": module, "__class__": class_, "__loader__": "ObjectNode"} | content


SKOPS_VERSION = skops_node("builtins.str", content='"1.9.1"', is_json=True)
SKOPS_STATE = skops_node("builtins.dict", content={"steps": [skops_node("xgboost.sklearn.XGBClassifier")]})
SKOPS = zip_of({"schema.json": json.dumps(
    skops_node("sklearn.pipeline.Pipeline", protocol=2, _skops_version="0.16.0")
    | {"content": SKOPS_STATE | {"_sklearn_version": SKOPS_VERSION}}
).encode(), "1.npy": b"x"})  # fmt: skip


def test_skops_classes_are_read_and_unsafe_ones_are_named(read_formats):
    report = read_formats({"model.skops": SKOPS})
    assert report.facts["globals"] == ["sklearn.pipeline.Pipeline", "xgboost.sklearn.XGBClassifier"]
    assert (report.facts["class"], report.facts["skops_version"]) == ("sklearn.pipeline.Pipeline", "0.16.0")
    assert report.warnings == []
    content = json.dumps(skops_node("posix.system", protocol=2)).encode()
    report = read_formats({"model.skops": zip_of({"schema.json": content})})
    assert report.warnings == ["Loading this file would run posix.system. Deploy it only if you trust it."]


def test_undecompressible_file_is_reported(read_formats):
    report = read_formats({"model.joblib": b"\x04\x22\x4d\x18" + bytes(40)})
    assert (report.framework, report.facts["packing"]) == ("custom", "lz4")
    assert report.warnings[0].startswith("It is compressed with lz4, which is not unpacked here")


@pytest.mark.parametrize(
    ("files", "framework", "version"),
    [
        ({"weights.bin": TORCH}, "pytorch", ""),
        ({"net.bin": KERAS}, "keras", "3.15.0"),
        ({"old.h5": b"\x89HDF\r\n\x1a\n" + bytes(50) + b"keras_version"}, "keras", ""),
        ({"data.h5": b"\x89HDF\r\n\x1a\n" + bytes(50)}, "custom", ""),
        ({"w.bin": safetensors()}, "safetensors", ""),
        ({"model.json": XGBOOST}, "xgboost", "3.2.0"),
        ({"model.txt": b"tree\nversion=v4\nnum_class=1\n"}, "lightgbm", ""),
        ({"model.cbm": b"CBM1" + bytes(10)}, "catboost", ""),
        ({"m/saved_model.pb": b"\x08\x01\x12\x00", "m/variables/variables.index": bytes(9)}, "tensorflow", ""),
        ({"notes.txt": "Grüße\n".encode()}, "custom", ""),
        ({"x.bin": bytes(range(256))}, "custom", ""),
        ({"x.gz": gzip.compress(b"a,b\n1,2\n")}, "custom", ""),
        ({"model.skops": SKOPS, "schema.json": b"{}"}, "scikit-learn", "1.9.1"),
        ({"data.zip": zip_of({"schema.json": b'{"protocol": 2}', "a.npy": b"x"})}, "custom", ""),
        ({"data.zip": zip_of({"schema.json": b"[" * 100_000})}, "custom", ""),
        ({"data.zip": damaged_lzma_zip()}, "custom", ""),
    ],
)
def test_formats_are_detected_by_their_content(read_formats, files, framework, version):
    report = read_formats(files)
    assert (report.framework, report.framework_version) == (framework, version)
    assert report.facts["main_file"] == next(iter(files))


def test_truncated_safetensors_file_is_rejected(read_formats):
    with pytest.raises(Refused) as said:
        read_formats({"w.safetensors": safetensors(end=16, size=8)})
    assert said.value.code == "safetensors_truncated"


def test_main_file_is_the_most_likely_one(read_formats):
    files = {
        "score.py": b"def init(): ...",
        "config.json": b"{}",
        "data/old/model.onnx": onnx_bytes(),
        "encoder.onnx": onnx_bytes(),
        "model.onnx": onnx_bytes([("best", TensorProto.FLOAT, [1])]),
        "labels.txt": b"a\nb\n",
    }
    report = read_formats(files)
    assert report.facts["main_file"] == "model.onnx"
    assert report.warnings[0].startswith("3 files look like a model; model.onnx was taken. Name another one model.onnx")


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_never_crash_the_readers(read_formats, data):
    whole = data.draw(
        st.sampled_from([TORCH, KERAS, SKOPS, safetensors(), XGBOOST, onnx_bytes(), pickle.dumps(Evil())])
    )
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Refused):
        assert read_formats({"model.bin": bytes(damaged)[: data.draw(st.integers(1, len(damaged)))]}).framework
