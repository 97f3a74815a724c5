"""What every kind of model that is converted or optimised is asked for; and how things are refused."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from registry.conversion.inside.comparison import Answers
from registry.conversion.inside.rows import Rows


class Refused(Exception):
    """This model is not converted; goes to the person as it stands."""

    def __init__(self, code: str, message: str, *, hint: str = "", evidence: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.evidence = code, message, hint, evidence

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "hint": self.hint, "evidence": self.evidence[-4000:]}


class Original(Protocol):
    """A loaded model. `title` names library and class; `doubtful` kinds of rows only warn."""

    title: str
    doubtful: frozenset[str]

    def draw(self, count: int = ...) -> Rows:
        """Rows like those of its training."""
        ...

    def probes(self) -> Iterator[tuple[str, Rows]]:
        """Rows of kinds that converters get wrong; it may refuse each of them."""
        ...

    def read(self, table: Mapping[str, Sequence[Any]]) -> Rows:
        """A person's rows. Raises `BadRows`."""
        ...

    def ask(self, rows: Rows) -> Answers:
        """Its answers, by the names that `Answers` has: label, probabilities, prediction, or outputs' own."""
        ...

    def call(self, rows: Rows) -> Callable[[], object]:
        """What a service would call for these rows, with all that can be prepared done: its pace is measured."""
        ...

    def convert(self) -> Any:
        """An `onnx.ModelProto` whose inputs have the names that rows have. Raises `Refused` and anything else."""
        ...

    def names_of(self, outputs: list[str]) -> list[str]:
        """What the converted model's outputs are called in `Answers`, in their order."""
        ...
