"""/score with Arrow streams as requests and responses."""

import io

import numpy as np
import pyarrow as pa
import pytest

from scoring.core.errors import ScoringError
from scoring.core.tensors import Tensor
from scoring.forms import arrow
from scoring.forms.arrow import MAX_BYTES, ArrowTable
from tests.scoring.conftest import double_model, sum_model
from tests.scoring.form_models import message_of, same_model, send, services

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


def stream(table, rows=2, **options):
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=rows)
    return file.getvalue()


def table_of(answer):
    assert (answer.status_code, answer.headers["content-type"]) == (200, ARROW), answer.text
    return pa.ipc.open_stream(answer.content).read_all()


def test_arrow_columns_are_matched_to_inputs_by_name(servers):
    table = pa.table({"b": [2.0, 1, 0], "a": pa.array([1, 2, 3], pa.int32()), "more": ["x", "y", "z"]})
    assert table_of(send(servers["sum"], stream(table), ARROW)).to_pydict() == {
        "total": [3.0, 3.0, 3.0],
        "difference": [-1.0, 1.0, 3.0],
    }


def test_arrow_columns_form_a_matrix_or_hold_lists(servers):
    matrix = pa.table({"p": [1.0, 5], "q": [2.0, None], "r": [3, 7], "s": [4, 8]})
    nested = pa.table({"x": pa.FixedSizeListArray.from_arrays(pa.array(ROWS.ravel()), 4)})
    answer = table_of(send(servers["double"], stream(matrix), ARROW))["y"].to_pylist()
    assert (answer[0], answer[1][0], np.isnan(answer[1][1])) == ([2.0, 4.0, 6.0, 8.0], 10.0, True)
    plain = pa.table({"x": ROWS.tolist()})
    for table in (nested, plain):
        assert table_of(send(servers["double"], stream(table), ARROW))["y"].to_pylist() == (ROWS * 2).tolist()


def test_column_of_only_nulls_is_nan(servers):
    columns = pa.table({"p": [1.0], "q": [None], "r": [3], "s": [4]})
    ((first, second, *_),) = table_of(send(servers["double"], stream(columns), ARROW))["y"].to_pylist()
    assert (first, np.isnan(second)) == (2.0, True)


def test_arrow_carries_texts(servers):
    long = ["grün", "", "longer than a view holds itself"]
    for texts in (pa.array(long), pa.array(long, pa.string_view()), pa.array(["a", "a"]).dictionary_encode()):
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
        ("small", {"x": [1, None]}, "column 'x' (int64) cannot be read: a value is missing in row 1"),
        ("small", {"x": pa.array([1, 2, None]).dictionary_encode()}, "a value is missing in row 2"),
        ("small", {"x": [None, None]}, "column 'x' (null) cannot be read: a value is missing in row 0"),
        ("words", {"x": [None]}, "column 'x' (null) cannot be read: a value is missing in row 0"),
        ("words", {"x": ["a", None]}, "column 'x' (string) cannot be read: a value is missing in row 1"),
        ("words", {"x": [b"a"]}, "text"),
        ("double", {"p": [1.0], "q": [2.0]}, "shape [1, 2]"),
        ("double", {"x": [[1.0, 2, 3, 4], [1.0]]}, "differ in length"),
        ("double", {"x": [[1.0, 2, 3, 4], None]}, "missing"),
        ("small", {"x": [{"a": 1.0}]}, "only numbers"),
        ("double", {"x": [[1.0, 2, 3], [4.0, 5, 6]]}, "shape [2, 3]"),
        ("double", {"x": pa.array([], pa.float32())}, "no rows"),
        ("double", {}, "no rows"),
    ],
)
def test_arrow_table_that_does_not_match_the_inputs_is_refused(servers, server, table, word):
    assert word in message_of(send(servers[server], stream(pa.table(table)), ARROW))


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_buffers_are_read(servers, codec):
    table = pa.table({"x": pa.array(["grün", "", "blau"] * 100).dictionary_encode()})
    answer = table_of(send(servers["words"], stream(table, rows=150, compression=codec), ARROW))
    assert answer["y"].to_pylist() == ["grün", "", "blau"] * 100


MANY = 10**9
NOTHING = pa.nulls(MANY)
LONG = pa.array(["a" * 2**20], pa.string_view()).buffers()
MANY_VIEWS = pa.Array.from_buffers(pa.string_view(), 1000, [None, pa.py_buffer(LONG[1].to_pybytes() * 1000), LONG[2]])
HUGE = pa.array(np.zeros(MAX_BYTES // 8 + 1))


@pytest.mark.parametrize(
    ("column", "compression", "words"),
    [
        (NOTHING, None, f"more than {MAX_BYTES}"),
        (pa.StructArray.from_arrays([NOTHING], ["a"]), None, "only numbers"),
        (pa.FixedSizeListArray.from_arrays(NOTHING, MANY // 2), None, f"more than {MAX_BYTES}"),
        (pa.RunEndEncodedArray.from_arrays(pa.array([MANY], pa.int64()), pa.array([1.0])), None, "only numbers"),
        (pa.DictionaryArray.from_arrays(np.zeros(1000, np.int8), ["a" * 2**20]), None, f"more than {MAX_BYTES}"),
        (MANY_VIEWS, None, f"more than {MAX_BYTES}"),
        (HUGE, "zstd", f"more than {MAX_BYTES}"),
        (HUGE, "lz4", f"more than {MAX_BYTES}"),
        (pa.DictionaryArray.from_arrays(np.zeros(9, np.int8), HUGE), "zstd", f"more than {MAX_BYTES}"),
    ],
    ids=[
        "nulls",
        "structs",
        "lists of nulls",
        "runs",
        "texts said once",
        "texts seen often",
        "zeros",
        "zeros in lz4",
        "zeros said once",
    ],
)
def test_small_body_cannot_expand_to_a_huge_table(servers, column, compression, words):
    body = stream(pa.table({"x": column}), rows=None, compression=compression)
    assert len(body) < MAX_BYTES / 100
    assert words in message_of(send(servers["words"], body, ARROW))
    assert servers["words"].score({"data": ["still here"]}).json() == {"data": ["still here"]}


def test_size_limit_holds_for_all_columns_together(monkeypatch):
    monkeypatch.setattr(arrow, "MAX_BYTES", 2**20)
    column = pa.DictionaryArray.from_arrays(np.zeros(600, np.int16), ["a" * 1000])
    table = ArrowTable(stream(pa.table({"a": column, "b": column}), rows=None))
    words = Tensor("x", "BYTES", (-1,))
    assert table.column(0, words).tolist() == ["a" * 1000] * 600
    with pytest.raises(ScoringError, match="more than 1048576 bytes"):
        table.column(1, words)


def test_corrupt_arrow_stream_is_refused_without_harm(servers):
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
