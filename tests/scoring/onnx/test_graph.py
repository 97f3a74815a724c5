"""Files that are not ONNX, or have no graph."""

import pytest

from scoring.onnx.graph import graphs_of


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x08\x0a", id="no graph"),
        pytest.param(b"\x3a\x7f", id="cut off"),
        pytest.param(b"\x08" + b"\xff" * 10 + b"\x01", id="number of more than 64 bits"),
    ],
)
def test_file_without_a_graph_is_refused(tmp_path, content):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError):
        graphs_of(path)
