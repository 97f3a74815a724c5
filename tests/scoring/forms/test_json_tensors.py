"""Values of the protocol's JSON as tensors: flat or nested, integers also with a decimal point."""

import pytest

from scoring.core.errors import ScoringError
from scoring.core.tensors import DATATYPES, Tensor
from scoring.forms.json_tensors import read_tensor

WHOLE = [name for name in DATATYPES if "INT" in name]


@pytest.mark.parametrize("datatype", WHOLE)
@pytest.mark.parametrize("text", [b"[1,2]", b"[1.0,2.0]", b"[1,2e0]", b"[[1.0,2]]"])
def test_integers_may_be_written_with_a_decimal_point(datatype, text):
    assert read_tensor(Tensor("x", datatype, (-1, 2)), text, [1, 2]).tolist() == [[1, 2]]


def test_scalar_may_be_written_with_a_decimal_point():
    for text in (b"3", b"[3]", b"3.0", b"[3.0]"):
        assert read_tensor(Tensor("x", "INT64", ()), text, []).tolist() == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [(b"[1.0,2.0,3.0]", "3 values, its shape [1, 2] needs 2"), (b"[[1.0],[2.0]]", "[2, 1], the shape says [1, 2]")],
)
def test_wrong_number_of_values_is_reported(text, told):
    with pytest.raises(ScoringError) as refused:
        read_tensor(Tensor("x", "INT64", (-1, 2)), text, [1, 2])
    assert told in refused.value.message
