"""Conversions, from the request over the sandbox to the version that is registered."""

import numpy as np
import onnxruntime
import pytest
from sklearn.datasets import load_wine

from registry.models import Conversion
from registry.store import artifacts
from studio.activity.models import Event

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_environment")]


def test_a_forest_becomes_a_faster_version_with_the_same_answers(sklearn_version, forest, convert, workspace):
    source = sklearn_version(forest)
    done = convert("wine:1", register=True)
    assert (done.state, done.error) == ("succeeded", None)
    best = done.recommended
    assert best.name == "onnx"
    assert best.one > 5
    assert best.largest < 1e-5
    assert best.changed == 0
    version = best.version
    assert str(version) == "wine:2"
    assert version.derived_from == source
    assert version.derivation["from"] == "wine:1"
    assert version.framework == "onnx"
    rows, _ = load_wine(return_X_y=True)
    with artifacts.open_artifact(version.files.get().artifact) as file:
        session = onnxruntime.InferenceSession(file.read())
    labels, chances = session.run(None, {"X": rows[:3].astype(np.float32)})
    assert labels.tolist() == [0, 0, 0]
    assert chances.shape == (3, 3)
    kinds = set(Event.objects.filter(workspace=workspace).values_list("action", flat=True))
    assert {"version.derived", "version.converted", "version.registered"} <= kinds


def test_variants_that_were_not_tried_say_why(sklearn_version, forest, convert):
    sklearn_version(forest)
    done = convert("wine:1", variants=("onnx", "int8-dynamic"))
    assert [one.verdict for one in done.variants.all()] == ["recommended", "not tried"]
    assert "matrix products" in done.variants.get(name="int8-dynamic").reason


def test_an_equal_conversion_under_way_is_given_again(sklearn_version, forest, workspace, bob):
    from registry.conversion.conversions import ConversionRequest, request_conversion

    sklearn_version(forest)
    first = request_conversion(workspace, bob, ConversionRequest("wine:1"))
    assert request_conversion(workspace, bob, ConversionRequest("wine:1")) == first
    assert Conversion.objects.count() == 1
