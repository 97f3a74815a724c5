"""Pages about one model, of the Open Inference Protocol, Triton's extensions and TensorFlow Serving."""

from collections.abc import Callable
from typing import Any

import orjson

from scoring.core.answer import JSON
from scoring.core.request import Request
from scoring.engine.engine import Engine, Served

Render = Callable[[Request], tuple[bytes, bytes]]  # gives content type and body
TF_NAMES = {"BOOL": "DT_BOOL", "BYTES": "DT_STRING", "FP16": "DT_HALF", "FP32": "DT_FLOAT", "FP64": "DT_DOUBLE"}


def static_json(value: Any) -> Render:
    """A page of JSON that never changes."""
    body = orjson.dumps(value)
    return lambda _: (JSON, body)


def metadata(engine: Engine, served: Served) -> Render:
    """`/v2/models/<name>`."""
    return static_json(metadata_facts(engine, served))


def metadata_facts(engine: Engine, served: Served) -> dict[str, Any]:
    """What goes into a model and what comes out."""
    facts = {key: [_tensor_metadata(one) for one in served.signature.get(key) or []] for key in ("inputs", "outputs")}
    head = {
        "name": served.name,
        "versions": [str(one.version) for one in engine.served if one.name == served.name],
        "platform": served.platform,
    }
    return head | facts


def _tensor_metadata(tensor: dict[str, Any]) -> dict[str, Any]:
    """What the protocol knows of a tensor, and, of those inputs that have a default, that they are optional."""
    return {key: tensor[key] for key in ("name", "datatype", "shape", "optional") if key in tensor}


def ready(_: Engine, served: Served) -> Render:
    """`/v2/models/<name>/ready`."""
    return static_json({"name": served.name, "ready": True})


def config(_: Engine, served: Served) -> Render:
    """`/v2/models/<name>/config`."""
    return static_json(config_facts(served))


def config_facts(served: Served) -> dict[str, Any]:
    """Triton's extension `model_configuration`: shapes are whole, batches included."""
    return {
        "name": served.name,
        "platform": served.platform if served.is_model else "",
        "backend": served.backend,
        "max_batch_size": 0,
        "input": [_tensor(one) for one in served.signature.get("inputs") or []],
        "output": [_tensor(one) for one in served.signature.get("outputs") or []],
    }


def _tensor(facts: dict[str, Any]) -> dict[str, Any]:
    kind = "STRING" if facts["datatype"] == "BYTES" else facts["datatype"]
    optional = {"optional": True} if facts.get("optional") else {}
    return {"name": facts["name"], "data_type": f"TYPE_{kind}", "dims": facts["shape"]} | optional


def index(engine: Engine) -> Render:
    """`/v2/repository/index`."""
    return static_json(index_facts(engine))


def index_facts(engine: Engine) -> list[dict[str, Any]]:
    """All that is served."""
    return [{"name": one.name, "version": str(one.version), "state": "READY", "reason": ""} for one in engine.served]


def tf_status(engine: Engine, served: Served) -> Render:
    """`/v1/models/<name>`, as TensorFlow Serving answers, and KServe: `ready`."""
    versions = [one.version for one in engine.served if one.name == served.name]
    state = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    statuses = [{"version": str(version)} | state for version in sorted(versions, reverse=True)]
    return static_json({"name": served.name, "ready": True, "model_version_status": statuses})


def tf_metadata(_: Engine, served: Served) -> Render:
    """`/v1/models/<name>/metadata`, TensorFlow Serving's."""
    signature = {
        key: {one["name"]: _tf_tensor(one) for one in served.signature.get(key) or []} for key in ("inputs", "outputs")
    } | {"method_name": "tensorflow/serving/predict"}
    spec = {"name": served.name, "signature_name": "", "version": str(served.version)}
    facts = {"signature_def": {"signature_def": {"serving_default": signature}}}
    return static_json({"model_spec": spec, "metadata": facts})


def _tf_tensor(facts: dict[str, Any]) -> dict[str, Any]:
    sizes = [{"size": str(size), "name": ""} for size in facts["shape"]]
    kind = TF_NAMES.get(facts["datatype"], f"DT_{facts['datatype']}")
    return {"dtype": kind, "tensor_shape": {"dim": sizes, "unknown_rank": False}, "name": facts["name"]}
