"""What turns a request into a response, whatever transport it came by."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from scoring.core.answer import Result
from scoring.core.request import Request
from scoring.core.timings import Timings

if TYPE_CHECKING:  # forms need numpy, which the environment of an entry script may lack
    from scoring.forms import Form, Inputs
    from scoring.queue.batcher import Batcher

# Writes the responses of several calls of one run at once, from their inputs, the run's results and the rows of each
# call; an empty list where they are not alike enough for that.
EncodeBatch = Callable[[Sequence["Inputs"], list[Any], int], Sequence[bytes]]


class Handler:
    """A model called through one form, or the entry script.

    Calls of handlers with the same `batcher` may share a run; such a handler has a `form` too, whose decoding and
    encoding the batcher calls apart from the run. `encode_batch` is an optional shortcut of that form.
    """

    batcher: "Batcher | None" = None
    form: "Form"
    encode_batch: EncodeBatch | None = None

    def answer(self, request: Request, timings: Timings) -> Result:
        """Decode, run and encode; called on the loop for quick models, else in a runner thread.

        Writes what each step took to `timings`. Raises ScoringError.
        """
        raise NotImplementedError
