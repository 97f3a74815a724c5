"""A replica that is to take over an address proves first that it answers as its signature promises."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from onnx import TensorProto, helper

from scoring.contract import BundledModel
from scoring.core.errors import StartFailure
from scoring.engine.engine import Served
from scoring.process.proof import check_outputs, prove_models
from scoring.queue.pace import Pace
from tests.scoring.conftest import double_model, save, sum_model

ROW = {"data": [[1, 2, 3, 4]]}
STATUS = """
from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse

def init():
    pass

@rawhttp
def run(request):
    return AMLResponse("moved", 302)
"""


def sevens_model(path):
    """Takes nothing but multiples of seven numbers, which is no single row."""
    seven = helper.make_tensor("seven", TensorProto.INT64, [2], [7, -1])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [7, "m"])
    return save(path, [helper.make_node("Reshape", ["x", "seven"], ["y"])], [x], [y], [seven])


def promise(replica, *outputs, name="double"):
    """What the registry has noted of a model."""
    file = replica.bundle / "bundle.json"
    bundle = json.loads(file.read_text())
    for model in bundle["models"]:
        if model["name"] == name:
            model["signature"] = signature(*outputs)
    file.write_text(json.dumps(bundle))


def signature(*outputs):
    return {"inputs": [], "outputs": [{"name": name, "datatype": "FP32", "shape": shape} for name, shape in outputs]}


def served(*outputs):
    return Served(BundledModel(name="iris", version=2, path=""), {}, signature(*outputs), Pace(None))


def test_models_without_a_sample_are_run_on_synthetic_values(address):
    replica = address.replica().with_models(double=double_model, sum=sum_model)
    promise(replica, ("y", [-1, 4]))
    replica.start()
    assert "double:1 answers a synthetic row as its signature says" in replica.log()
    assert "sum:1 answers a synthetic row as its signature says" in replica.log()


@pytest.mark.parametrize("more", [{}, {"warm_up": {"body": ROW}}])
def test_model_with_other_outputs_than_its_signature_does_not_start(address, more):
    replica = address.replica().with_models(double=double_model)
    promise(replica, ("probabilities", [-1, 3]))
    failure = replica.fail_to_start(**more)
    assert failure["reason"] == "warm_up_failed"
    assert failure["message"] == "double:1 gives the outputs y; its signature says probabilities."
    assert "Register the model again" in failure["hint"]


def test_replica_with_an_address_of_its_own_starts_despite_another_signature(replica):
    replica.with_models(double=double_model)
    promise(replica, ("probabilities", [-1, 3]))
    assert replica.start().score(ROW).status_code == 200


def test_model_that_refuses_synthetic_values_starts_with_a_warning(address):
    replica = address.replica().with_models(sevens=sevens_model).start()
    assert "sevens:1 takes no synthetic values" in replica.log()


def test_sample_is_asked_instead_of_synthetic_values(address):
    replica = address.replica().with_models(double=double_model).start(warm_up={"body": ROW})
    assert "warmed up with the sample request" in replica.log()
    assert "synthetic" not in replica.log()


@pytest.mark.parametrize("takes_turns", [True, False])
def test_redirect_fails_the_start_only_of_replicas_that_share_an_address(address, replica, takes_turns):
    one = (address.replica() if takes_turns else replica).with_script(STATUS)
    if takes_turns:
        failure = one.fail_to_start(warm_up={"body": 1})
        assert failure["reason"] == "warm_up_failed"
        assert "with 302" in failure["message"]
    else:
        one.start(warm_up={"body": 1})


@pytest.mark.parametrize(
    ("promised", "shown", "given"),
    [
        ([-1, 4], [-1, 4], (7, 4)),
        ([1], [-1], (7,)),  # a converter declared it wrong, as the runs at the start have shown
        ([-1, 4], [-1, 3], (7, 4)),
        ([], [], ()),
        (None, [2, -1], (2, 9)),
    ],
)
def test_output_shape_may_match_the_registry_or_the_loaded_model(promised, shown, given):
    known = None if promised is None else signature(("y", promised))
    check_outputs(served(("y", shown)), known, ["y"], [np.zeros(given)])


@pytest.mark.parametrize(("given", "told"), [((7, 5), "[7, 5]"), ((4,), "[4]"), ((7, 4, 1), "[7, 4, 1]"), ((), "[]")])
def test_output_shape_contradicting_the_signature_fails_the_start(given, told):
    with pytest.raises(StartFailure) as failure:
        check_outputs(served(("y", [-1, 4])), signature(("y", [-1, 4])), ["y"], [np.zeros(given)])
    assert failure.value.failure.reason == "warm_up_failed"
    assert str(failure.value) == f"Output 'y' of iris:2 has the shape {told}; its signature says [any, 4]."
    assert "sample request" in failure.value.failure.hint


def test_map_outputs_of_a_classifier_are_not_checked_for_shape():
    check_outputs(served(("y", [-1])), None, ["y"], [[{"setosa": 1.0}]])


def test_model_slower_than_the_scoring_timeout_does_not_start():
    model = SimpleNamespace(
        name="iris", version=2, output_names=("y",), required_inputs={}, compute=lambda *_, **__: [np.zeros(1)]
    )
    one = served(("y", [1]))
    one.handlers["infer"] = SimpleNamespace(model=model)
    bundle = SimpleNamespace(kind="no_code", models=[BundledModel(name="iris", version=2, path="")])
    with pytest.raises(StartFailure, match="longer than the scoring timeout of -1 s") as failure:
        prove_models(SimpleNamespace(served=[one]), bundle, timeout=-1)
    assert failure.value.failure.reason == "warm_up_failed"
