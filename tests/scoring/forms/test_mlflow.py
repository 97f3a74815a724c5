"""MLflow's /invocations: data frames, CSV and tensors, as its clients send them."""

import json

import pytest
from onnx import TensorProto, helper

from tests.scoring.conftest import double_model, save, sum_model
from tests.scoring.form_models import services


def sheet_model(path):
    """A column for every input, as converted pipelines have them: doubled age, and the name as it came."""
    kinds = {
        "age": TensorProto.FLOAT,
        "name": TensorProto.STRING,
        "member": TensorProto.BOOL,
        "visits": TensorProto.INT8,
    }
    inputs = [helper.make_tensor_value_info(name, kind, [None, 1]) for name, kind in kinds.items()]
    outputs = [helper.make_tensor_value_info(f"{name}_out", kind, [None, 1]) for name, kind in kinds.items()]
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in kinds]
    return save(path, nodes, inputs, outputs)


def ids_model(path):
    """64-bit integers as they came."""
    n, same = (helper.make_tensor_value_info(name, TensorProto.INT64, ["n"]) for name in ("n", "same"))
    return save(path, [helper.make_node("Identity", ["n"], ["same"])], [n], [same])


@pytest.fixture(scope="module")
def replicas(tmp_path_factory):
    with services(tmp_path_factory, double=double_model, sum=sum_model, sheet=sheet_model) as made:
        yield made


@pytest.fixture
def double(replicas):
    return replicas["double"]


def predictions(server, body, **more):
    answer = server.score(body, "/invocations", **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def message_of(server, body, status=400, **more):
    answer = server.score(body, "/invocations", **more)
    assert answer.status_code == status, answer.text
    return answer.json()["message"]


def csv(content_type="text/csv"):
    return {"headers": {"Content-Type": content_type}}


NAMES = ["p", "q", "r", "s"]
DOUBLED = [[2.0, 4.0, 6.0, 8.0]]


def test_columns_form_a_matrix_in_their_order(double):
    assert predictions(double, {"dataframe_split": {"columns": NAMES, "data": [[1, 2, 3, 4]]}}) == DOUBLED
    assert predictions(double, {"dataframe_split": {"data": [[1, 2, 3, 4]]}}) == DOUBLED
    assert (
        predictions(double, {"dataframe_split": {"columns": [0, 1, 2, 3], "index": [7], "data": [[1, 2, 3, 4]]}})
        == DOUBLED
    )
    assert predictions(double, {"dataframe_records": [dict(zip(NAMES, [1, 2, 3, 4], strict=True))]}) == DOUBLED
    assert predictions(double, "p,q,r,s\r\n1,2,3,4\r\n", **csv()) == DOUBLED


def test_columns_are_matched_to_inputs_by_name(replicas):
    expected = [{"total": 3.0, "difference": -1.0}, {"total": 7.0, "difference": 1.0}]
    frame = {"columns": ["b", "other", "a"], "data": [[2, "x", 1], [3, "y", 4]]}
    assert predictions(replicas["sum"], {"dataframe_split": frame}) == expected
    assert predictions(replicas["sum"], {"dataframe_records": [{"a": 1, "b": 2}, {"b": 3, "a": 4}]}) == expected
    assert predictions(replicas["sum"], "a,b\n1,2\n4,3", **csv("text/csv; charset=utf-8")) == expected


def test_columns_of_all_types_reach_a_pipeline(replicas):
    rows = [{"age": 30.5, "name": "Ada, the first", "member": True, "visits": -3}]
    expected = [{"age_out": [30.5], "name_out": ["Ada, the first"], "member_out": [True], "visits_out": [-3]}]
    assert predictions(replicas["sheet"], {"dataframe_records": rows}) == expected
    text = 'visits,name,member,age\n-3,"Ada, the first",True,30.5\n'
    assert predictions(replicas["sheet"], text, **csv()) == expected
    assert predictions(replicas["sheet"], "\ufeff" + text, **csv()) == expected


def test_csv_spaces_are_kept_in_texts_and_ignored_in_numbers(replicas):
    expected = [{"age_out": [30.5], "name_out": [" Ada "], "member_out": [True], "visits_out": [-3]}]
    assert predictions(replicas["sheet"], "age,name,member,visits\n 30.5 , Ada , True , -3 \n", **csv()) == expected


def test_missing_numbers_are_nan(double):
    expected = [[2.0, None, 6.0, 8.0]]
    assert predictions(double, {"dataframe_split": {"columns": NAMES, "data": [[1, None, 3, 4]]}}) == expected
    assert predictions(double, "p,q,r,s\n1,,3,4\n", **csv()) == expected
    assert predictions(double, "p,q,r,s\n1, ,3,4\n", **csv()) == expected
    records = [{"p": 1, "q": 2, "r": 3, "s": 4}, {"p": 1, "r": 3, "s": 4}]
    assert predictions(double, {"dataframe_records": records}) == DOUBLED + expected


def test_invocations_take_tensors_as_instances_or_inputs(replicas, double):
    assert predictions(double, {"instances": [[1, 2, 3, 4]]}) == DOUBLED
    assert predictions(double, {"inputs": [[1, 2, 3, 4]], "params": {"temperature": 1}}) == DOUBLED
    answer = predictions(replicas["sum"], {"inputs": {"a": [1, 4], "b": [2, 3]}})
    assert answer == {"total": [3.0, 7.0], "difference": [-1.0, 1.0]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, ("one of dataframe_split",)),
        ({"instances": [[1, 2, 3, 4]], "inputs": [[1, 2, 3, 4]]}, ("one of", "instances")),
        ({"dataframe_split": {"columns": NAMES}}, ("data",)),
        ({"dataframe_split": {"columns": NAMES, "data": []}}, ("no rows",)),
        ({"dataframe_split": {"columns": NAMES, "data": [[1, 2, 3]]}}, ("row 0 has 3 values", "4 columns")),
        ({"dataframe_split": {"columns": ["p", "p", "r", "s"], "data": [[1, 2, 3, 4]]}}, ("twice",)),
        ({"dataframe_split": {"columns": NAMES[:3], "data": [[1, 2, 3]]}}, ("shape [1, 3]",)),
        ({"dataframe_split": {"columns": NAMES, "data": [[1, "b", 3, 4]]}}, ("str",)),
        ({"dataframe_split": {"columns": ["p", "q"], "data": [[1, [2, 3]]]}}, ("lists",)),
        ({"dataframe_split": "x"}, ("dataframe_split",)),
        ({"dataframe_records": []}, ("no rows",)),
        ({"dataframe_records": [{}]}, ("no columns",)),
        ({"dataframe_records": [[1]]}, ("dataframe_records",)),
        (b"", ("not JSON",)),
        (b"[[1, 2, 3, 4]]", ("request",)),
    ],
)
def test_invalid_invocation_is_refused_with_the_reason(double, body, words):
    told = message_of(double, body)
    for word in words:
        assert word in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", ("no rows",)),
        (b"p,q,r,s\n", ("no rows",)),
        (b"p,q,r,s\n1,2,3\n", ("row 0 has 3 values",)),
        (b"p,q,r,s\n1,2,x,4\n", ("column 'r'", "'x'")),
        (b"p,q,r,s\n1,2,1e39,4\n", ("column 'r'", "fit")),
        (b'p,q,r,s\n1,2,"3,4\n', ("not CSV",)),
        (b"p,q,r,s\n1,2,\xff,4\n", ("not CSV",)),
        (b"p,q,r,s\n" + b"1" * 200_000 + b",2,3,4\n", ("not CSV",)),
    ],
)
def test_invalid_csv_is_refused_with_the_reason(double, text, words):
    told = message_of(double, text, **csv())
    for word in words:
        assert word in told


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("1,b,maybe,1", "'maybe'"),
        ("1,b,true,1.5", "'1.5'"),
        ("1,b,true,300", "fit"),
        ("1,b,,1", "column 'member', row 0: a value is missing"),
        ("1,b,true,", "column 'visits', row 0: a value is missing"),
        ("1,b,true,1_000", "'1_000' is no number"),
        ("1_0.5,b,true,1", "'1_0.5' is no number"),
        ("1,b,true,٣", "is no number"),
    ],
)
def test_csv_is_read_in_the_types_of_the_model(replicas, line, word):
    assert word in message_of(replicas["sheet"], f"age,name,member,visits\n{line}\n", **csv())


@pytest.mark.parametrize("number", ["3.0", "3e0", "30e-1", "3"])
def test_integer_cells_may_be_written_with_a_decimal_point(replicas, number):
    row = [{"age_out": [1.0], "name_out": ["b"], "member_out": [True], "visits_out": [3]}]
    body = '{"dataframe_records": [{"age": 1, "name": "b", "member": true, "visits": %s}]}' % number  # noqa: UP031
    assert predictions(replicas["sheet"], body) == row
    if number != "30e-1":
        assert predictions(replicas["sheet"], f"age,name,member,visits\n1,b,true,{number}\n", **csv()) == row


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"visits": None}, "column 'visits', row 1: a value is missing"),
        ({"name": None}, "column 'name', row 1: a value is missing"),
        ({"member": None}, "column 'member', row 1: a value is missing"),
        ({"visits": 3.5}, "column 'visits'"),
    ],
)
def test_missing_or_fractional_integer_is_refused_with_its_column(replicas, change, words):
    row = {"age": 1, "name": "b", "member": True, "visits": 3}
    assert words in message_of(replicas["sheet"], {"dataframe_records": [row, row | change]})


@pytest.mark.parametrize("content_type", ["application/json", "text/csv"])
def test_integers_beyond_double_precision_are_never_rounded(tmp_path_factory, content_type):
    with services(tmp_path_factory, ids=ids_model) as made:

        def ask(number):
            csv_, records = f"n\n{number}\n", f'{{"dataframe_records": [{{"n": {number}}}]}}'
            return made["ids"].client.post("/invocations", content=csv_ if "csv" in content_type else records,
                                           headers={"Content-Type": content_type})  # fmt: skip

        assert ask("9007199254740993").json() == {"predictions": [9007199254740993]}
        assert ask("9007199254740991.0").json() == {"predictions": [9007199254740991]}
        assert ask("9007199254740993.0").status_code == 400
        assert ask("1e400").status_code == 400


def test_columns_are_ordered_as_in_training(replica):
    replica.with_models(double=double_model)
    described = json.loads((replica.bundle / "bundle.json").read_text())
    described["models"][0]["signature"] = {"inputs": [], "outputs": [], "columns": NAMES}
    (replica.bundle / "bundle.json").write_text(json.dumps(described))
    replica.start()
    turned = {"columns": ["s", "id", "r", "q", "p"], "data": [[4, 9, 3, 2, 1]]}
    assert predictions(replica, {"dataframe_split": turned}) == DOUBLED
    assert predictions(replica, {"dataframe_records": [{"s": 4, "p": 1, "r": 3, "q": 2}]}) == DOUBLED
    assert predictions(replica, "s,r,q,p\n4,3,2,1\n", **csv()) == DOUBLED
    assert "columns are missing: p" in message_of(replica, {"dataframe_records": [{"s": 4, "z": 1, "r": 3, "q": 2}]})
    for unnamed in ({"data": [[1, 2, 3, 4]]}, {"columns": [0, 1, 2, 3], "data": [[1, 2, 3, 4]]}):
        assert predictions(replica, {"dataframe_split": unnamed}) == DOUBLED


def test_missing_columns_are_named(replicas):
    told = message_of(replicas["sheet"], {"dataframe_split": {"columns": ["age", "size"], "data": [[1, 2]]}})
    assert "missing: name, member, visits" in told
    assert "age, size" in told


def test_invocations_refuse_other_content_types(double):
    told = message_of(double, b"<x/>", 415, headers={"Content-Type": "application/xml"})
    assert "text/csv" in told


def test_health_and_version_answer_as_mlflow_does(double):
    for address in ("/ping", "/health"):
        answer = double.client.get(address, headers={"Authorization": ""})
        assert (answer.status_code, answer.text) == (200, "\n")
    assert double.client.get("/version").text


def test_invocations_of_several_models_name_the_address_to_use(replica):
    replica.with_models(double=double_model, sum=sum_model).start()
    assert "/v2/models/" in message_of(replica, {"instances": [[1, 2, 3, 4]]})


def test_entry_script_has_no_invocations(replica):
    replica.with_script("def init(): pass\ndef run(data): return data\n").start()
    assert replica.score({"instances": [1]}, "/invocations").status_code == 404
    assert replica.score({"instances": [1]}, "/v1/models/iris:predict").status_code == 404
