"""Request bodies from files: what is read, and what is named by file and line."""

import os

import pytest

from monitoring.profiling.bodies import MOST_BYTES, read_bodies
from monitoring.profiling.messages import File, Inline, Plan
from monitoring.profiling.problems import Unusable


def read(bodies, **changes):
    return read_bodies(Plan(address="http://127.0.0.1:1/", bodies=bodies, connections=1, **changes))


def refused(bodies, **changes):
    with pytest.raises(Unusable) as told:
        read(bodies, **changes)
    return told.value.code, str(told.value)


def test_lines_are_bodies_and_blank_ones_are_left_out(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n\n{"a": 2}')
    assert read(File(path=str(tmp_path / "rows.jsonl"))) == [b'{"a": 1}', b'{"a": 2}']


def test_a_bad_line_is_named_by_file_and_number(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n{"a": \n3\nnope\n')
    code, said = refused(File(path=str(tmp_path / "rows.jsonl")))
    assert code == "bodies_bad"
    assert "rows.jsonl line 2 is no JSON" in said
    assert "rows.jsonl line 4 is no JSON" in said


def test_a_table_of_one_column_has_a_body_in_each_row(tmp_path):
    (tmp_path / "input.csv").write_text('sample_request_data\n"{""data"": [1, 2]}"\n"{\n""data"": [3]}"\n')
    assert read(File(path=str(tmp_path / "input.csv"), layout="csv")) == [b'{"data": [1, 2]}', b'{\n"data": [3]}']


def test_a_column_of_several_is_named(tmp_path):
    (tmp_path / "input.csv").write_text("id,body\n1,[1]\n2,[2]\n")
    table = str(tmp_path / "input.csv")
    assert read(File(path=table, layout="csv", column="body")) == [b"[1]", b"[2]"]
    assert refused(File(path=table, layout="csv")) == ("bodies_column", "input.csv has 2 columns.")
    assert refused(File(path=table, layout="csv", column="rows"))[1] == "input.csv has no column 'rows'."


def test_bad_rows_of_a_table_are_named(tmp_path):
    (tmp_path / "input.csv").write_text("id,body\n1,[1]\n2\n3,\n")
    code, said = refused(File(path=str(tmp_path / "input.csv"), layout="csv", column="body"))
    assert code == "bodies_bad"
    assert "input.csv line 3 has 1 columns instead of 2; input.csv line 4 has no body" in said


def test_a_table_that_is_no_text_is_named(tmp_path):
    (tmp_path / "input.csv").write_bytes(b"body\n\xff\xfe\n")
    assert refused(File(path=str(tmp_path / "input.csv"), layout="csv")) == (
        "bodies_bad",
        "input.csv line 2 is no UTF-8.",
    )


def test_files_of_a_folder_are_bodies_in_order(tmp_path):
    for name in ("b.png", "a.png", ".hidden"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "c.png").symlink_to("/etc/hostname")
    assert read(File(path=str(tmp_path), layout="folder")) == [b"a.png", b"b.png"]


def test_a_whole_file_is_one_body(tmp_path):
    (tmp_path / "image.png").write_bytes(b"\x89PNG\n\n")
    assert read(File(path=str(tmp_path / "image.png"), layout="whole")) == [b"\x89PNG\n\n"]


@pytest.mark.parametrize("layout", ["lines", "csv"])
def test_an_empty_data_set_is_refused(tmp_path, layout):
    (tmp_path / "empty").write_text("")
    assert refused(File(path=str(tmp_path / "empty"), layout=layout))[0] == "bodies_empty"
    assert refused(Inline(texts=[]))[0] == "bodies_empty"


def test_a_body_over_the_limit_is_named(tmp_path):
    (tmp_path / "rows.jsonl").write_text("[1]\n[1, 2, 3]\n")
    code, said = refused(File(path=str(tmp_path / "rows.jsonl")), largest_body_bytes=5)
    assert (code, said) == ("body_too_large", "rows.jsonl line 2 has 9 bytes; the service accepts at most 5.")


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for layout in ("lines", "csv", "whole"):
        assert refused(File(path=str(tmp_path / "pipe"), layout=layout))[0] == "bodies_missing"
    assert refused(File(path="a\x00b"))[0] == "bodies_missing"


def test_a_file_larger_than_all_bodies_may_be_is_not_read(tmp_path):
    with (tmp_path / "huge.jsonl").open("wb") as stream:
        stream.truncate(MOST_BYTES + 1)
    code, said = refused(File(path=str(tmp_path / "huge.jsonl")))
    assert (code, said) == ("bodies_too_many", "huge.jsonl has 512 MiB; a load holds at most 512 MiB.")


def test_a_file_that_is_not_there_is_told(tmp_path):
    assert refused(File(path=str(tmp_path / "gone.jsonl")))[0] == "bodies_missing"
    assert refused(File(path=str(tmp_path / "gone"), layout="folder"))[0] == "bodies_missing"
