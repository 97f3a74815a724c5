"""What MLflow's clients send to /invocations, made by pandas as they make it, and how they read the answers."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from tests.scoring.conftest import double_model, sum_model
from tests.scoring.form_models import same_model, services
from tests.scoring.forms.test_mlflow import sheet_model

MATRIX = pd.DataFrame([[1.0, 2.0, 3.0, 4.0], [5.5, np.nan, 7.0, 8.0]], columns=["p", "q", "r", "s"])
DOUBLED = [[2.0, 4.0, 6.0, 8.0], [11.0, None, 14.0, 16.0]]
SHEET = pd.DataFrame(
    {"age": [30.5, 41.0], "name": ['Ada, "first"', "Gül\nZwei"], "member": [True, False], "visits": [3, -4]}
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    picture = same_model("float", ["n", 2, 2, 3])
    with services(
        tmp_path_factory, double=double_model, sum=sum_model, sheet=sheet_model, picture=picture
    ) as made:  # fmt: skip
        yield made


def invoke(server, body, content_type="application/json"):
    """As `ScoringServerClient.invoke` and `requests.post` do."""
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    return server.client.post("/invocations", content=content, headers={"Content-Type": content_type})


def predictions(server, *sent):
    """The answer is an object with one field."""
    answer = invoke(server, *sent)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["predictions"]
    return answer.json()["predictions"]


def split(frame):
    """`to_dict` leaves NaN in it, so clients go by way of JSON."""
    return {"dataframe_split": json.loads(frame.to_json(orient="split"))}


def records(frame):
    return {"dataframe_records": json.loads(frame.to_json(orient="records"))}


FRAMES = [
    lambda frame: (split(frame),),
    lambda frame: (split(frame.set_axis(["first", "second"])),),
    lambda frame: (split(frame), "application/json; charset=utf-8"),
    lambda frame: (records(frame),),
    lambda frame: (frame.to_csv(index=False), "text/csv"),
    lambda frame: (frame.to_csv(index=False, lineterminator="\r\n"), "text/csv; charset=utf-8"),
]
as_any_frame = pytest.mark.parametrize("form", FRAMES, ids=["split", "index", "charset", "records", "csv", "crlf"])


@as_any_frame
def test_a_frame_of_numbers_fills_a_matrix(servers, form):
    assert predictions(servers["double"], *form(MATRIX)) == DOUBLED


@as_any_frame
def test_a_frame_of_mixed_columns_fills_the_inputs_by_name(servers, form):
    told = pd.DataFrame(predictions(servers["sheet"], *form(SHEET)))
    for name in SHEET:
        assert [cell for (cell,) in told[f"{name}_out"]] == SHEET[name].tolist()


@as_any_frame
def test_the_order_of_the_columns_does_not_matter_where_they_have_inputs(servers, form):
    turned = SHEET[["visits", "member", "name", "age"]]
    assert predictions(servers["sheet"], *form(turned)) == predictions(servers["sheet"], *form(SHEET))


def test_predictions_are_read_as_a_frame(servers):
    frame = pd.DataFrame({"a": [1.0, 4.0], "b": [2.0, 3.0]})
    told = pd.DataFrame(predictions(servers["sum"], split(frame)))
    pd.testing.assert_frame_equal(told, pd.DataFrame({"total": [3.0, 7.0], "difference": [-1.0, 1.0]}))


def test_tensors_are_given_whole_or_by_row(servers):
    array = np.arange(24, dtype=np.float64).reshape(2, 2, 2, 3).tolist()
    for name in ("inputs", "instances"):
        assert predictions(servers["picture"], {name: array}) == array
    assert predictions(servers["picture"], {"inputs": {"x": array}}) == array
    assert predictions(servers["picture"], {"instances": [{"x": row} for row in array]}) == array
    by_name = {"a": [1, 4], "b": [2, 3]}
    assert predictions(servers["sum"], {"inputs": by_name}) == {"total": [3, 7], "difference": [-1, 1]}


def test_params_are_taken_and_mean_nothing_to_a_model_without_any(servers):
    for more in ({"params": {}}, {"params": {"temperature": 0.5, "stop": ["a"]}}, {"params": None}):
        assert predictions(servers["double"], split(MATRIX) | more) == DOUBLED


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (("not json",), 400, "not JSON"),
        (("[[1, 2, 3, 4]]",), 400, "object"),
        (('"text"',), 400, "object"),
        ((b'{"inputs": "\xff"}',), 400, "input 'x'"),
        (({},), 400, "dataframe_split"),
        (({"columns": ["p"], "data": [[1]]},), 400, "dataframe_split"),  # as before MLflow 2
        (({"columns": ["p"], "data": [[1]]}, "application/json; format=pandas-split"), 400, "dataframe_split"),
        ((split(MATRIX) | records(MATRIX),), 400, "one of"),
        (({"dataframe_split": [[1, 2, 3, 4]]},), 400, "dataframe_split"),
        (({"dataframe_records": {"p": 1}},), 400, "dataframe_records"),
        ((split(MATRIX[["p", "q"]]),), 400, "[2, 2]"),
        (("", "text/csv"), 400, "no rows"),
        (("p,q,r,s\n1,2,3\n", "text/csv"), 400, "4 columns"),
        (("p,q,r,s\n1,2,3,x\n", "text/csv"), 400, "'s'"),
        ((b"PAR1", "application/vnd.apache.parquet"), 415, "text/csv"),
        (("<frame/>", "application/xml"), 415, "text/csv"),
    ],
)
def test_a_wrong_request_is_refused_with_a_message(servers, sent, status, words):
    answer = invoke(servers["double"], *sent)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert words in answer.json()["message"]


def test_missing_and_mistyped_columns_are_named(servers):
    answer = invoke(servers["sheet"], split(SHEET.drop(columns=["name", "visits"])))
    assert (answer.status_code, "name, visits" in answer.json()["message"]) == (400, True)
    answer = invoke(servers["sheet"], split(SHEET.assign(visits=["three", "four"])))
    assert (answer.status_code, "visits" in answer.json()["message"]) == (400, True)


def test_the_key_is_asked_for_and_health_is_not_secret(servers):
    server = servers["double"]
    stranger = {"Authorization": "Bearer wrong", "Content-Type": "application/json"}
    assert server.client.post("/invocations", json=split(MATRIX), headers=stranger).status_code == 401
    for path in ("/ping", "/health"):
        assert server.client.get(path, headers={"Authorization": ""}).status_code == 200
    assert server.client.get("/version").status_code == 200
    assert server.client.get("/invocations").status_code == 405


def test_a_large_frame_is_answered_whole(servers):
    frame = pd.DataFrame(np.random.default_rng(7).normal(size=(5_000, 4)).astype(np.float32), columns=list("pqrs"))
    file = io.StringIO()
    frame.to_csv(file, index=False)
    for sent in ((split(frame),), (file.getvalue(), "text/csv")):
        np.testing.assert_allclose(predictions(servers["double"], *sent), frame * 2, rtol=1e-5)
