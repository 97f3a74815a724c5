"""The messages of `inference.GRPCInferenceService`, made when this module is imported, by any protobuf from 4.22 on.

Names and numbers are those of the Open Inference Protocol's definition, with what Triton's own adds for its clients.
A field that may be left out without harm is left out here. Two liberties keep the bytes on the wire the same: a map
is written as the repeated entries that it is, and a message within another may be taken as its bytes.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "inference"
Field = descriptor_pb2.FieldDescriptorProto

# Triton's names of the datatypes, each at its number
DATA_TYPES = (
    "INVALID", "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64",
    "STRING",
)  # fmt: skip
# message: field: its number and type; other messages are named with a capital letter, and the only enum is DataType
SCHEMA: dict[str, dict[str, tuple[int, str]]] = {
    "Nothing": {},
    "ServerLiveResponse": {"live": (1, "bool")},
    "ReadyResponse": {"ready": (1, "bool")},
    "ServerMetadataResponse": {"name": (1, "string"), "version": (2, "string"), "extensions": (3, "repeated string")},
    "ModelName": {"name": (1, "string"), "version": (2, "string")},
    "TensorMetadata": {"name": (1, "string"), "datatype": (2, "string"), "shape": (3, "repeated int64")},
    "ModelMetadataResponse": {
        "name": (1, "string"),
        "versions": (2, "repeated string"),
        "platform": (3, "string"),
        "inputs": (4, "repeated TensorMetadata"),
        "outputs": (5, "repeated TensorMetadata"),
    },
    "InferParameter": {
        "bool_param": (1, "bool"),
        "int64_param": (2, "int64"),
        "string_param": (3, "string"),
        "double_param": (4, "double"),
        "uint64_param": (5, "uint64"),
    },
    "Parameter": {"key": (1, "string"), "value": (2, "InferParameter")},
    "InferTensorContents": {
        "bool_contents": (1, "repeated bool"),
        "int_contents": (2, "repeated int32"),
        "int64_contents": (3, "repeated int64"),
        "uint_contents": (4, "repeated uint32"),
        "uint64_contents": (5, "repeated uint64"),
        "fp32_contents": (6, "repeated float"),
        "fp64_contents": (7, "repeated double"),
        "bytes_contents": (8, "repeated bytes"),
    },
    "InferTensor": {
        "name": (1, "string"),
        "datatype": (2, "string"),
        "shape": (3, "repeated int64"),
        "parameters": (4, "repeated Parameter"),
        "contents": (5, "InferTensorContents"),
    },
    "RequestedOutput": {"name": (1, "string"), "parameters": (2, "repeated Parameter")},
    "InferHead": {"model_name": (1, "string"), "model_version": (2, "string"), "id": (3, "string")},
    "ModelInferRequest": {
        "model_name": (1, "string"),
        "model_version": (2, "string"),
        "id": (3, "string"),
        "parameters": (4, "repeated Parameter"),
        "inputs": (5, "repeated InferTensor"),
        "outputs": (6, "repeated RequestedOutput"),
        "raw_input_contents": (7, "repeated bytes"),
    },
    "ModelInferResponse": {
        "model_name": (1, "string"),
        "model_version": (2, "string"),
        "id": (3, "string"),
        "parameters": (4, "repeated Parameter"),
        "outputs": (5, "repeated InferTensor"),
        "raw_output_contents": (6, "repeated bytes"),
    },
    "ModelStreamInferResponse": {"error_message": (1, "string"), "infer_response": (2, "bytes")},
    "ModelInput": {
        "name": (1, "string"),
        "data_type": (2, "enum"),
        "dims": (4, "repeated int64"),
        "optional": (8, "bool"),
    },
    "ModelOutput": {"name": (1, "string"), "data_type": (2, "enum"), "dims": (3, "repeated int64")},
    "ModelConfig": {
        "name": (1, "string"),
        "platform": (2, "string"),
        "max_batch_size": (4, "int32"),
        "input": (5, "repeated ModelInput"),
        "output": (6, "repeated ModelOutput"),
        "backend": (17, "string"),
    },
    "ModelConfigResponse": {"config": (1, "ModelConfig")},
    "StatisticDuration": {"count": (1, "uint64"), "ns": (2, "uint64")},
    "InferStatistics": {
        "success": (1, "StatisticDuration"),
        "fail": (2, "StatisticDuration"),
        "queue": (3, "StatisticDuration"),
        "compute_input": (4, "StatisticDuration"),
        "compute_infer": (5, "StatisticDuration"),
        "compute_output": (6, "StatisticDuration"),
        "cache_hit": (7, "StatisticDuration"),
        "cache_miss": (8, "StatisticDuration"),
    },
    "InferBatchStatistics": {
        "batch_size": (1, "uint64"),
        "compute_input": (2, "StatisticDuration"),
        "compute_infer": (3, "StatisticDuration"),
        "compute_output": (4, "StatisticDuration"),
    },
    "ModelStatistics": {
        "name": (1, "string"),
        "version": (2, "string"),
        "last_inference": (3, "uint64"),
        "inference_count": (4, "uint64"),
        "execution_count": (5, "uint64"),
        "inference_stats": (6, "InferStatistics"),
        "batch_stats": (7, "repeated InferBatchStatistics"),
        "memory_usage": (8, "repeated Nothing"),
        "response_stats": (9, "repeated Nothing"),
    },
    "ModelStatisticsResponse": {"model_stats": (1, "repeated ModelStatistics")},
    "ModelIndex": {"name": (1, "string"), "version": (2, "string"), "state": (3, "string"), "reason": (4, "string")},
    "RepositoryIndexResponse": {"models": (1, "repeated ModelIndex")},
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="open_inference.proto", package=PACKAGE, syntax="proto3")
    kinds = file.enum_type.add(name="DataType")
    for number, name in enumerate(DATA_TYPES):
        kinds.value.add(name=f"TYPE_{name}", number=number)
    for name, fields in SCHEMA.items():
        message = file.message_type.add(name=name)
        for field, (number, described) in fields.items():
            _describe(message.field.add(name=field, number=number), described)
    return file


def _describe(field: Any, described: str) -> None:
    repeated, _, kind = described.rpartition(" ")
    field.label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
    if kind[0].isupper():
        field.type, field.type_name = Field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    elif kind == "enum":
        field.type, field.type_name = Field.TYPE_ENUM, f".{PACKAGE}.DataType"
    else:
        field.type = Field.Type.Value(f"TYPE_{kind.upper()}")


_pool = descriptor_pool.DescriptorPool()  # our own: the script may bring the generated messages into the common one
_pool.Add(_file())


def message(name: str) -> Any:
    """The class of a message."""
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
