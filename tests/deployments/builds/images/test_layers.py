import os
import tarfile
from io import BytesIO

import pytest

from deployments.builds.images.layers import FileLayer, Layer, files_below


def unpacked(layer):
    return tarfile.open(fileobj=BytesIO(b"".join(layer.chunks())))


def test_layer_holds_files_and_every_folder_above_them(tmp_path):
    script = tmp_path / "start"
    script.write_bytes(b"#!/bin/sh\n")
    script.chmod(0o700)
    with unpacked(Layer("bundle", {"opt/slipway/bundle.json": b"{}", "opt/start": script})) as archive:
        found = {entry.name: (entry.mode, entry.uid, entry.mtime) for entry in archive}
        assert archive.extractfile("opt/slipway/bundle.json").read() == b"{}"
    assert found == {
        "opt": (0o755, 0, 0),
        "opt/slipway": (0o755, 0, 0),
        "opt/slipway/bundle.json": (0o644, 0, 0),
        "opt/start": (0o755, 0, 0),
    }


def test_layers_of_equal_files_are_equal_whatever_their_order_time_and_owner(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        for file in sorted(("a", "b" * 150), reverse=name == "second"):
            (tmp_path / name / file).write_text(file)
    os.utime(tmp_path / "second" / "a", (1, 1))
    (tmp_path / "second" / "a").chmod(0o600)
    first, second = (Layer("x", files_below(tmp_path / name, "opt")) for name in ("first", "second"))
    assert first.diff_id == second.diff_id
    assert b"".join(first.chunks()) == b"".join(second.chunks())


def test_size_and_digest_are_those_of_the_archive(tmp_path):
    layer = Layer("x", {"opt/x": os.urandom(3_000)})
    whole = b"".join(layer.chunks())
    (tmp_path / "layer.tar").write_bytes(whole)
    stored = FileLayer("x", tmp_path / "layer.tar")
    assert (layer.size, layer.size, layer.diff_id) == (len(whole), stored.size, stored.diff_id)


def test_file_that_grows_while_it_is_read_is_noticed(tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"12345")
    chunks = Layer("x", {"model.onnx": file}).chunks()
    next(chunks)
    file.write_bytes(b"1234567")
    with pytest.raises(OSError, match="changed while it was read"):
        list(chunks)


def test_only_wanted_files_are_taken_and_links_become_files(tmp_path):
    (tmp_path / "kept.py").write_text("1")
    (tmp_path / "left.pyc").write_text("2")
    (tmp_path / "link.py").symlink_to("kept.py")
    found = files_below(tmp_path, "lib", wanted=lambda path: path.suffix == ".py")
    assert set(found) == {"lib/kept.py", "lib/link.py"}
    with unpacked(Layer("x", found)) as archive:
        assert archive.getmember("lib/link.py").isreg()
