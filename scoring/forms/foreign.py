"""Requests made for other servers of Azure, recognised when they are refused: the error then says what to send."""

import msgspec

from scoring.core.errors import ScoringError
from scoring.core.text_encodings import plain_json

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
SHORT = 'send {"data": …} to /score'
TENSORS = "dims", "dataType"


def explain(error: ScoringError, raw: bytes) -> None:
    """Add to the error what the body is, where it was made for another server."""
    if error.status == 400 and (what := _foreign(raw)):
        error.message += f". This is {what}"


def _foreign(raw: bytes) -> str:
    try:
        members = _members.decode(plain_json(raw) or raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ScoringError):
        return ""
    if "Inputs" in members or "GlobalParameters" in members:
        maker = "Azure's designer or its automated training"
        return f"the request of a service made by {maker}: {SHORT}, or MLflow's forms to /invocations"
    if "input_data" in members:
        split = 'send its columns and data as {"dataframe_split": {"columns": …, "data": …}} to /invocations'
        return f"the request of an MLflow model at an endpoint of Azure: {split}, or {SHORT}"
    if _holds_messages(bytes(members.get("inputs", b""))):
        tensors = "with tensors as protobuf messages in JSON"
        return f"the request of ONNX Runtime's own server, {tensors}: {SHORT}, or the Open Inference Protocol's form"
    return ""


def _holds_messages(inputs: bytes) -> bool:
    return inputs.startswith(b"{") and all(b'"%b"' % word.encode() in inputs for word in TENSORS)
