"""Handlers of models without code: one for each form, which decodes, runs and encodes."""

from time import perf_counter_ns

from scoring.calibration.batch_size import calibrate
from scoring.calibration.output_shapes import learn_shapes
from scoring.calibration.synthetic_inputs import synthetic_rows
from scoring.contract import RunSettings
from scoring.core.answer import Result
from scoring.core.model import Model, SupportsBind, SupportsWiden
from scoring.core.request import Request
from scoring.core.timings import HEAVY_SECONDS, Timings
from scoring.forms import Form
from scoring.forms.bodies import Bodies
from scoring.forms.data import Data
from scoring.forms.mlflow import Invocations
from scoring.forms.open_inference import OpenInference
from scoring.forms.probe import Probe
from scoring.forms.tf_serving import Predict
from scoring.queue.batcher import Batcher, rows_of
from scoring.queue.handler import Handler


class ModelHandler(Handler):
    """A model called through one form. The batcher uses the steps one by one, so that calls can share the run."""

    def __init__(self, form: Form, model: Model, batcher: Batcher | None) -> None:
        self.form = form
        self.model = model
        self.batcher = batcher
        padded = batcher is not None and batcher.pads
        self.encode_batch = None if padded else getattr(form, "encode_batch", None)

    def answer(self, request: Request, timings: Timings) -> Result:
        began = perf_counter_ns()
        inputs = self.form.decode(request)
        decoded = perf_counter_ns()
        results = self.model.compute(inputs.output_names, inputs.feed, all_cores=timings.exclusive)
        computed = perf_counter_ns()
        answer = self.form.encode(inputs, results)
        if request.front:
            timings.own_rows = rows_of(inputs)
        timings.decode, timings.infer = decoded - began, computed - decoded
        timings.encode = perf_counter_ns() - computed
        return answer


def handlers_of(model: Model, seconds: float | None, cores: int, run: RunSettings) -> dict[str, Handler]:
    """What to do at each address of a model that takes so many seconds for a run on one of `cores`."""
    heavy = seconds is not None and seconds >= HEAVY_SECONDS
    learn_shapes(model, seconds)
    batcher = calibrate(model, run.batching)
    if heavy and cores > 1 and isinstance(model, SupportsWiden):
        model.widen(cores, run.memory_bytes, synthetic_rows(model, 1))
    if not heavy and isinstance(model, SupportsBind):
        model.bind()
    open_inference = OpenInference(model)
    return {
        "infer": ModelHandler(open_inference, model, batcher),
        "predict": ModelHandler(Predict(model), model, batcher),
        "invocations": ModelHandler(Invocations(model), model, batcher),
        "probe": ModelHandler(Probe(model), model, batcher),
        "score": ModelHandler(Data(model, open_inference, Bodies(model, open_inference)), model, batcher),
    }
