"""`-o` and `--query`: what stands on standard output in each format."""

import json

import pytest
import yaml

from slipway import formats
from slipway.errors import Misuse

PEOPLE = [{"name": "ann", "age": 41, "tags": {"a": "b"}}, {"name": "bob", "age": None, "note": "x\ty"}]


def test_rows_of_list_of_objects_have_their_values():
    assert formats.rows_of(PEOPLE) == [["ann", "41", '{"a": "b"}'], ["bob", "", "x y"]]


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        ("text", [["text"]]),
        (True, [["true"]]),
        (None, [[""]]),
        ([1, "a"], [["1"], ["a"]]),
        ([[1, 2], [3, 4]], [["1", "2"], ["3", "4"]]),
        ({"a": 1, "b": "x"}, [["1", "x"]]),
        ([], []),
    ],
)
def test_rows_of_other_documents(document, rows):
    assert formats.rows_of(document) == rows


def test_headings_are_the_keys_of_all_objects():
    assert formats.headings_of(PEOPLE) == ["name", "age", "tags", "note"]
    assert formats.headings_of([1, 2]) == []


def test_yaml_reads_back_as_the_same_document():
    document = {"name": "ü", "text": "a\nb", "same": PEOPLE, "again": PEOPLE, "long": "word " * 100}
    written = formats.as_yaml(document)
    assert yaml.safe_load(written) == document
    assert "ü" in written
    assert "&" not in written, "no aliases"
    assert formats.as_yaml(document, ascii_only=True).isascii()


def test_query_that_is_no_jmespath_is_misuse():
    with pytest.raises(Misuse, match="--query cannot be used"):
        formats.compile_query("[].")


@pytest.fixture
def listed(slipway, deployed):
    def run(*options):
        return slipway("service", "list", *options)

    return run


def test_service_list_as_json_and_yaml_is_the_whole_answer(listed):
    as_json = json.loads(listed("-o", "json").out)
    assert as_json == json.loads(listed("--json").out)
    assert as_json == yaml.safe_load(listed("-o", "yaml").out)
    assert as_json[0]["updated_at"] == "2026-11-21T04:00:00Z"


def test_service_list_as_tsv_has_exact_times_and_no_headings(listed):
    assert listed("-o", "tsv").out == "iris\tHealthy\tiris:1\thttp://127.0.0.1:20000/score\t2026-11-21T04:00:00Z\t\n"


def test_service_list_without_terminal_has_headings_and_exact_times(listed):
    heading, row = listed().out.splitlines()
    assert heading == "NAME\tSTATE\tMODELS\tADDRESS\tCHANGED\tDEVELOPMENT"
    assert row.endswith("\t2026-11-21T04:00:00Z\t")


def test_service_list_as_table_is_aligned_and_says_how_long_ago(listed):
    heading, ruler, row = listed("-o", "table").out.splitlines()
    assert heading.split() == ["name", "state", "models", "address", "changed", "development"]
    assert set(ruler) == {"-", " "}
    assert row.rstrip().endswith(" ago")


def test_query_selects_from_the_whole_answer(listed):
    assert json.loads(listed("--query", "[].scoring_uri").out) == ["http://127.0.0.1:20000/score"]
    assert listed("--query", "[].[name, models[0]]", "-o", "tsv").out == "iris\tiris:1\n"
    assert listed("--query", "[0].state", "-o", "tsv").out == "Healthy\n"
    assert listed("--query", "[].{service: name}", "-o", "table").out.splitlines() == ["service", "-------", "iris"]
    assert yaml.safe_load(listed("--query", "[0].models", "-o", "yaml").out) == ["iris:1"]


def test_single_object_as_tsv_and_table(slipway, deployed):
    assert slipway("service", "keys", "iris", "-o", "tsv").out == "pppppppp\tssssssss\n"
    assert slipway("service", "keys", "iris", "--query", "primary", "-o", "tsv").out == "pppppppp\n"
    assert slipway("service", "keys", "iris", "-o", "table").out == "primary    pppppppp\nsecondary  ssssssss\n"


def test_wrong_query_ends_with_2_before_anything_is_asked(slipway, signed_in):
    answer = slipway("service", "list", "--query", "[", "-o", "json")
    assert answer.code == 2
    assert signed_in.requests == []


def test_query_that_does_not_fit_the_answer_ends_with_2(listed):
    assert listed("--query", "length([0].revision)").code == 2


def test_failure_is_a_document_in_the_format_asked_for(slipway, signed_in):
    answer = slipway("service", "show", "nothing", "-o", "yaml")
    assert answer.code == 4
    assert yaml.safe_load(answer.out)["error"]["code"] == "not_found"
    assert slipway("service", "show", "nothing", "-o", "table").out == ""
