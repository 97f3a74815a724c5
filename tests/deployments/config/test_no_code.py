"""Which files are served without a script, what they need in their environment, and which are refused at once."""

import pytest

from deployments.config.no_code import fits, serving_of
from studio.core.errors import BadInput

SVC = {"format": "pickle", "globals": ["sklearn.svm._classes.SVC"]}


@pytest.mark.parametrize(
    ("framework", "version", "facts", "requirements"),
    [
        ("onnx", "opset 17", {"format": "onnx"}, ()),
        ("scikit-learn", "1.9.1", SVC, ("scikit-learn==1.9.1",)),
        ("scikit-learn", "0.24", SVC, ("scikit-learn==0.24.*", "numpy<2")),
        ("scikit-learn", "", SVC, ("scikit-learn",)),
        (
            "scikit-learn",
            "1.9.1",
            {"format": "pickle", "globals": ["sklearn.compose._column_transformer.ColumnTransformer"]},
            ("scikit-learn==1.9.1", "pandas"),
        ),
        (
            "scikit-learn",
            "1.9.1",
            {"format": "skops", "globals": [], "skops_version": "0.16.0"},
            ("scikit-learn==1.9.1", "skops==0.16.0"),
        ),
        (
            "xgboost",
            "3.2.0",
            {"format": "pickle", "globals": ["xgboost.sklearn.XGBClassifier", "numpy._core.multiarray.scalar"]},
            ("xgboost==3.2.0", "scikit-learn", "numpy>=2"),
        ),
        ("xgboost", "3.2.0", {"format": "xgboost-ubj"}, ("xgboost==3.2.0",)),
        ("lightgbm", "", {"format": "lightgbm"}, ("lightgbm==4.*",)),
        ("catboost", "", {"format": "catboost"}, ("catboost",)),
        ("pytorch", "2.13.0+cpu", {"format": "torch", "torchscript": True}, ("torch==2.13.0+cpu", "numpy")),
        ("pytorch", "", {"format": "pt2"}, ("torch", "numpy")),
        ("tensorflow", "2.21.0", {"format": "saved-model"}, ("tensorflow-cpu==2.21.0",)),
        ("keras", "3.12.0", {"format": "keras"}, ("keras==3.12.0", "tensorflow-cpu")),
    ],
)
def test_requirements_are_the_versions_that_the_file_names(framework, version, facts, requirements):
    assert serving_of("m:1", framework, version, facts).requirements == requirements


def test_requirements_of_mlflow_come_first_and_mlflow_itself_is_left_out():
    own = ["mlflow==3.17.2", "scikit-learn==1.8.0", "numpy==2.1.0"]
    assert serving_of("m:1", "scikit-learn", "1.8.0", SVC, own).requirements == ("scikit-learn==1.8.0", "numpy==2.1.0")


def test_other_build_of_the_same_library_is_not_required_twice():
    found = serving_of("m:1", "xgboost", "3.2.0", {"format": "xgboost-ubj"}, ["xgboost-cpu==3.2.0"])
    assert found.requirements == ("xgboost-cpu==3.2.0",)


@pytest.mark.parametrize(
    ("framework", "facts", "code", "message"),
    [
        ("custom", SVC, "needs_entry_script", "m:1 is a custom model"),
        ("scikit-learn", {}, "needs_entry_script", "m:1 is a scikit-learn model: it needs a script"),
        ("keras", {"format": "hdf5"}, "needs_entry_script", "m:1 is a keras model: it needs a script"),
        (
            "pytorch",
            {"format": "torch"},
            "needs_entry_script",
            "m:1 holds weights, or a module whose code is elsewhere",
        ),
        (
            "scikit-learn",
            SVC | {"globals": ["sklearn.svm.SVC", "posix.system"]},
            "unsafe_model",
            r"Loading m:1 would run posix\.system",
        ),
        (
            "scikit-learn",
            SVC | {"globals": ["sklearn.pipeline.Pipeline", "features.Ratio"]},
            "needs_entry_script",
            r"m:1 names features\.Ratio, of a module that is not part of the model: features",
        ),
        (
            "scikit-learn",
            SVC | {"globals": ["numpy.testing._private.utils.runstring"]},
            "needs_entry_script",
            "is loaded in an entry script only",
        ),
    ],
)
def test_file_that_needs_code_or_is_unsafe_is_refused_by_what_it_names(framework, facts, code, message):
    with pytest.raises(BadInput, match=message) as refused:
        serving_of("m:1", framework, "", facts)
    assert (refused.value.code, refused.value.field) == (code, "config")
    assert refused.value.hint


@pytest.mark.parametrize(
    ("needed", "offered", "answer"),
    [
        (["scikit-learn==1.9.1"], ["scikit-learn==1.9.*", "pandas==3.*"], True),
        (["scikit-learn==1.8.0"], ["scikit-learn==1.9.*"], False),
        (["scikit-learn==1.9.1", "skops"], ["scikit-learn==1.9.*"], False),
        (["scikit-learn==1.9.1", "numpy>=2"], ["scikit-learn==1.9.*", "numpy==2.*"], True),
        (["scikit-learn==1.9.1", "numpy<2"], ["scikit-learn==1.9.*", "numpy==2.*"], False),
        (["xgboost>=2,<4"], ["xgboost==3.2.*"], True),
        (["torch"], ["torch==2.13.0+cpu"], True),
        ([], ["pandas==3.*"], True),
        (["lightgbm==4.*"], ["xgboost==3.2.*", "lightgbm==4.7.*"], False),
        (["xgboost==3.2.0"], ["xgboost==3.2.*", "lightgbm==4.7.*"], True),
    ],
)
def test_environment_fits_where_it_has_every_package_in_that_version(needed, offered, answer):
    assert fits(needed, offered) is answer
