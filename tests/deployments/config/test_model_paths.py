"""Where a script looks for its model."""

import ast

import pytest

from deployments.config.model_paths import check_model_paths


def check(text, files=("model.pkl", "labels/names.txt"), folder="model"):
    return check_model_paths(ast.parse(text), path="score.py", version="wine:1", files=files, folder=folder)


@pytest.mark.parametrize(
    "expression",
    [
        'os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl")',
        'os.path.join(os.getenv("AZUREML_MODEL_DIR"), "labels", "names.txt")',
        'os.path.join(os.environ.get("AZUREML_MODEL_DIR"), "model", "model.pkl")',
        'os.path.join(os.getenv("AZUREML_MODEL_DIR"), "labels")',
        'Path(os.environ["AZUREML_MODEL_DIR"]) / "model.pkl"',
        'Path(os.environ["AZUREML_MODEL_DIR"], "model.pkl")',
        "f\"{os.environ['AZUREML_MODEL_DIR']}/model.pkl\"",
        'os.environ["AZUREML_MODEL_DIR"] + "/model.pkl"',
    ],
)
def test_path_that_will_be_there_is_said_to_be_right(expression):
    [found] = check(f"path = {expression}")
    assert (found.level, found.code) == ("ok", "model_path_found")


def test_path_that_will_not_be_there_is_told_with_its_line_and_what_is_there():
    text = 'import os\nroot = os.getenv("AZUREML_MODEL_DIR")\npath = os.path.join(root, "modle.pkl")\n'
    [found] = check(text)
    assert (found.level, found.code, found.line) == ("warning", "model_path_missing", 3)
    assert found.message == "score.py looks for modle.pkl in AZUREML_MODEL_DIR, and wine:1 has no such file."
    assert found.hint == "It has labels/names.txt, model.pkl. Did you mean model.pkl?"


def test_what_is_put_together_at_run_time_is_left_to_the_trial():
    assert check('path = os.path.join(os.environ["AZUREML_MODEL_DIR"], name)') == []
    assert check('path = Model.get_model_path("wine")') == []


def test_script_that_never_looks_for_the_chosen_model_is_told():
    [found] = check("def init(): ...")
    assert (found.level, found.code) == ("warning", "model_unused")
