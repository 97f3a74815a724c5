"""What a conversion installs."""

import pytest

from registry.conversion.requirements import requirements_for
from studio.core.errors import BadInput


def names(lines):
    return [line for line in lines if not line.startswith("onnxruntime==")]


def test_library_has_the_version_that_the_file_tells():
    found = requirements_for("scikit-learn", "1.7.2", {})
    assert "scikit-learn==1.7.2" in found
    assert "protobuf<7" in found
    assert any(line.startswith("skl2onnx") for line in found)


def test_what_a_person_pins_wins():
    found = requirements_for("scikit-learn", "1.7.2", {}, ["scikit-learn==1.9.1", "mytools"])
    assert found[:2] == ["scikit-learn==1.9.1", "mytools"]
    assert "scikit-learn==1.7.2" not in found


def test_a_persons_xgboost_stands_for_the_small_one():
    found = requirements_for("xgboost", "", {}, ["xgboost==3.2.0"])
    assert "xgboost-cpu" not in found


def test_classes_of_a_pickle_bring_their_libraries():
    classes = [
        "sklearn.pipeline.Pipeline",
        "sklearn.compose._column_transformer.ColumnTransformer",
        "lightgbm.sklearn.X",
    ]
    found = requirements_for("scikit-learn", "1.9.1", {"globals": classes})
    assert {"pandas", "lightgbm"} <= set(found)


def test_folder_of_mlflow_is_known_by_its_flavour():
    assert "catboost" in requirements_for("custom", "", {"mlflow_flavors": ["python_function", "catboost"]})


@pytest.mark.parametrize("framework", ["keras", "tensorflow", "safetensors", "custom"])
def test_frameworks_without_a_converter_are_refused_with_a_way_on(framework):
    with pytest.raises(BadInput, match="not converted") as refused:
        requirements_for(framework, "", {})
    assert "Export it to ONNX yourself" in refused.value.hint
