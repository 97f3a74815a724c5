"""/score with Arrow streams, answered in the same."""

import io

import numpy as np
import pyarrow as pa
import pytest

from tests.scoring.conftest import double_model, sum_model
from tests.scoring.forms import same_model, send, services, told_of

ROWS = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)
ARROW = "application/vnd.apache.arrow.stream"


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with services(
        tmp_path_factory,
        double=double_model,
        sum=sum_model,
        words=same_model("string", ["n"]),
        small=same_model("int8", ["n"]),
    ) as made:
        yield made


def stream(table):
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return file.getvalue()


def table_of(answer):
    assert (answer.status_code, answer.headers["content-type"]) == (200, ARROW), answer.text
    return pa.ipc.open_stream(answer.content).read_all()


def test_arrow_columns_go_to_the_inputs_of_their_names(servers):
    table = pa.table({"b": [2.0, 1, 0], "a": pa.array([1, 2, 3], pa.int32()), "more": ["x", "y", "z"]})
    assert table_of(send(servers["sum"], stream(table), ARROW)).to_pydict() == {
        "total": [3.0, 3.0, 3.0],
        "difference": [-1.0, 1.0, 3.0],
    }


def test_arrow_columns_become_a_matrix_or_come_as_lists(servers):
    matrix = pa.table({"p": [1.0, 5], "q": [2.0, None], "r": [3, 7], "s": [4, 8]})
    nested = pa.table({"x": pa.FixedSizeListArray.from_arrays(pa.array(ROWS.ravel()), 4)})
    answer = table_of(send(servers["double"], stream(matrix), ARROW))["y"].to_pylist()
    assert (answer[0], answer[1][0], np.isnan(answer[1][1])) == ([2.0, 4.0, 6.0, 8.0], 10.0, True)
    plain = pa.table({"x": ROWS.tolist()})
    for table in (nested, plain):
        assert table_of(send(servers["double"], stream(table), ARROW))["y"].to_pylist() == (ROWS * 2).tolist()


def test_arrow_carries_texts(servers):
    for texts in (pa.array(["grün", ""]), pa.array(["a", "a"]).dictionary_encode()):
        assert (
            table_of(send(servers["words"], stream(pa.table({"x": texts})), ARROW))["y"].to_pylist()
            == texts.to_pylist()
        )


@pytest.mark.parametrize(
    ("server", "table", "word"),
    [
        ("sum", {"a": [1.0]}, "missing: b"),
        ("sum", {"a": [1.0], "b": ["x"]}, "FP32"),
        ("small", {"x": [1, 300]}, "fit"),
        ("small", {"x": [1, None]}, "INT8"),
        ("words", {"x": ["a", None]}, "text"),
        ("words", {"x": [b"a"]}, "text"),
        ("double", {"p": [1.0], "q": [2.0]}, "shape [1, 2]"),
        ("double", {"x": [[1.0, 2, 3, 4], [1.0]]}, "differ in length"),
        ("double", {"x": [[1.0, 2, 3, 4], None]}, "missing"),
        ("small", {"x": [{"a": 1.0}]}, "object"),
        ("double", {"x": [[1.0, 2, 3], [4.0, 5, 6]]}, "shape [2, 3]"),
        ("double", {"x": pa.array([], pa.float32())}, "no rows"),
        ("double", {}, "no rows"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(servers, server, table, word):
    assert word in told_of(send(servers[server], stream(pa.table(table)), ARROW))


def test_a_broken_stream_is_refused_and_harms_nobody(servers):
    whole = stream(pa.table({"x": pa.array(["some", "words"])}))
    for broken in (b"", b"hello", whole[:50], whole[: len(whole) // 2], whole[: len(whole) - 40]):
        assert send(servers["words"], broken, ARROW).status_code in (200, 400)
    chance = np.random.default_rng(3)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[chance.integers(len(whole))] = chance.integers(256)
        assert send(servers["words"], bytes(damaged), ARROW).status_code in (200, 400)
    assert servers["words"].score({"data": ["still here"]}).json() == {"data": ["still here"]}
    assert servers["words"].status().get("restarts", 0) == 0
