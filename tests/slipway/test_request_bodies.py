"""Bodies of requests from files, tables and folders."""

import pytest

from slipway import request_bodies
from slipway.errors import Misuse

BODY = '{"data": [[1, 2]]}'


def test_each_line_is_a_body_and_empty_ones_are_left_out(tmp_path):
    (tmp_path / "rows.jsonl").write_text(f"{BODY}\n\n[3]\n")
    assert request_bodies.read(tmp_path / "rows.jsonl") == [BODY, "[3]"]


def test_only_column_of_a_table_needs_no_name(tmp_path):
    quoted = BODY.replace('"', '""')
    (tmp_path / "rows.csv").write_text(f'body\n"{quoted}"\n"[3,\n4]"\n')
    assert request_bodies.read(tmp_path / "rows.csv") == [BODY, "[3,\n4]"]


def test_column_is_chosen_by_name(tmp_path):
    (tmp_path / "rows.tsv").write_text("id\tbody\n7\t[1, 2]\n\n8\t[3]\n")
    assert request_bodies.read(tmp_path / "rows.tsv", "body") == ["[1, 2]", "[3]"]


def test_files_of_a_folder_are_bodies_in_the_order_of_their_names(tmp_path):
    for name, text in {"b.json": "[2]", "a.json": "[1]", ".hidden": "x"}.items():
        (tmp_path / name).write_text(text)
    assert request_bodies.read(tmp_path) == ["[1]", "[2]"]


@pytest.mark.parametrize(
    ("name", "text", "column", "told"),
    [
        ("rows.csv", "id,body\n1,2\n", "", "has 2 columns"),
        ("rows.csv", "id,body\n1,2\n", "text", "no column 'text'"),
        ("rows.csv", "id,body\n1,[1,2]\n", "body", "line 2: 3 cells instead of 2"),
        ("rows.csv", 'body,id\n"",1\n', "body", "line 2: no body"),
        ("rows.csv", "body\n", "", "is empty"),
        ("rows.jsonl", "\n", "", "is empty"),
        ("rows.jsonl", "1\n" * 1001, "", "has 1,001 bodies"),
    ],
)
def test_what_is_no_set_of_bodies_is_refused_with_its_place(tmp_path, name, text, column, told):
    (tmp_path / name).write_text(text)
    with pytest.raises(Misuse, match=told):
        request_bodies.read(tmp_path / name, column)
