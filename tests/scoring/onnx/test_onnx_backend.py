"""A sample of the onnx package's backend tests; `python -m tests.scoring.onnx.onnx_backend` asks all of them."""

from tests.scoring.onnx.onnx_backend import is_wrong, survey
from tests.scoring.onnx.onnx_cases import cases

EVERY = 14  # about a hundred of them are served


def test_sampled_backend_tests_get_the_results_of_onnxruntime(tmp_path):
    chosen = [case for number, case in enumerate(cases()) if number % EVERY == 0]
    _, found = survey(chosen, tmp_path)
    assert len(found) > len(chosen) // 2
    wrong = [(name, way, outcome) for name, ways in found.items() for way, outcome in ways.items() if is_wrong(outcome)]
    assert wrong == []
