"""Small real things of the registry for any test: artifacts, uploads, versions, services that use them, ONNX bytes."""

import io
from collections.abc import Sequence

import onnx
from django.db.models import F
from onnx import TensorProto, helper

from deployments.models import InferenceConfig, Revision, RevisionModel, Service, Target
from deployments.version_uses import record_uses
from registry.inspection import frameworks
from registry.models import Artifact, Conversion, Model, ModelVersion, Tag, Upload, VersionFile, VersionState
from registry.store import artifacts, uploads

TENSOR = tuple[str, int, list[int | str | None]]
FLOAT_IN: TENSOR = ("x", TensorProto.FLOAT, ["batch", 4])


def onnx_bytes(inputs: Sequence[TENSOR] = (FLOAT_IN,), *, opset: int = 17, ir_version: int = 8) -> bytes:
    """A model that returns input `x` as `x_out`: `onnx_bytes([("x", TensorProto.FLOAT, [None, 4])])`."""
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name, _, _ in inputs]
    graph = helper.make_graph(
        nodes,
        "identity",
        [helper.make_tensor_value_info(*tensor) for tensor in inputs],
        [helper.make_tensor_value_info(f"{name}_out", kind, shape) for name, kind, shape in inputs],
    )
    model = helper.make_model(graph, producer_name="slipway-tests", opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = ir_version
    onnx.checker.check_model(model)
    return model.SerializeToString()


def graph_bytes(inputs, outputs, nodes, *, initializer=(), opsets=(("", 17),), **facts) -> bytes:
    """A model of these nodes, unchecked: it may be invalid on purpose."""
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializer=initializer)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*opset) for opset in opsets], **facts)
    model.ir_version = 8
    return model.SerializeToString()


def with_external_data(location: str, *, length: int = 48) -> bytes:
    """A model whose twelve weights lie in the file `location`."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 3], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])
    return graph_bytes([x], [y], [helper.make_node("MatMul", ["x", "w"], ["y"])], initializer=[tensor])


def make_artifact(content: bytes = b"content") -> Artifact:
    return artifacts.store(io.BytesIO(content))


def make_upload(workspace, user, path: str = "model.onnx", content: bytes = b"content") -> Upload:
    """A complete upload."""
    return uploads.receive(workspace, user, path, io.BytesIO(content), len(content))


def content_of(upload: Upload) -> bytes:
    """The content of a complete upload."""
    with artifacts.open_artifact(upload.artifact) as file:
        return file.read()


def make_version(
    workspace,
    name: str = "iris",
    *,
    user=None,
    state: str = VersionState.READY,
    framework: str = "",
    files: dict[str, bytes] | None = None,
    tags: dict[str, str] | None = None,
    **facts,
) -> ModelVersion:
    """A version with its files, past its inspection; `facts` are further columns of `ModelVersion`."""
    files = {"model.onnx": onnx_bytes()} if files is None else files
    model, _ = Model.objects.get_or_create(workspace=workspace, name=name, defaults={"created_by": user})
    model.last_number += 1
    model.save()
    framework = framework or frameworks.guess(files)
    if framework == "onnx":
        tensor = {"datatype": "FP32", "shape": [-1, 4]}
        facts.setdefault("signature", {"inputs": [{"name": "x"} | tensor], "outputs": [{"name": "x_out"} | tensor]})
    facts.setdefault("facts", {"main_file": next(iter(files), "")})
    version = ModelVersion.objects.create(
        workspace=workspace,
        model=model,
        number=model.last_number,
        state=state,
        framework=framework,
        size=sum(map(len, files.values())),
        created_by=user,
        **facts,
    )
    for path, content in files.items():
        VersionFile.objects.create(version=version, path=path, artifact=make_artifact(content))
    for key, value in (tags or {}).items():
        Tag.objects.create(workspace=workspace, model=model, version=version, key=key, value=value)
    return version


def make_conversion(version: ModelVersion, user=None, **facts) -> Conversion:
    """A conversion that has ended, with a variant that is recommended and one that was refused."""
    paces = {size: {"seconds": 0.0048, "noise": 0.02, "rows": rows} for size, rows in (("one", 1), ("many", 1000))}
    facts = {"state": "succeeded", "progress": 1, "wanted": ["onnx", "float16"]} | facts
    facts.setdefault("result", {"title": "sklearn 1.9.1 RandomForestClassifier", "rows": 400, "paces": paces})
    job = Conversion.objects.create(workspace=version.workspace, version=version, requested_by=user, **facts)
    shown = {"title": "ONNX", "note": "as converted", "size": 52_000, "paces": paces, "groups": []}
    good = {"verdict": "recommended", "reason": "Faster, with the same answers.", "largest": 3e-7, "changed": 0}
    content = make_artifact(onnx_bytes())
    job.variants.create(name="onnx", one=8.5, many=2.1, facts=shown, artifact=content, **good)
    bad = {"verdict": "refused", "reason": "41 of 400 rows are decided otherwise.", "largest": 0.2, "changed": 41}
    job.variants.create(name="float16", one=2.0, many=2.1, facts=shown | {"title": "ONNX float16"}, **bad)
    return job


def serve(workspace, version: ModelVersion, name: str = "shop") -> Service:
    """A service whose first revision holds the version."""
    target, _ = Target.objects.get_or_create(workspace=workspace, name="local")
    config, _ = InferenceConfig.objects.get_or_create(workspace=workspace, name="none", number=1, kind="no_code")
    service, _ = Service.objects.get_or_create(workspace=workspace, name=name, defaults={"target": target})
    Service.objects.filter(pk=service.pk).update(
        last_revision=F("last_revision") + 1, wanted_revision=F("last_revision") + 1
    )
    number = Service.objects.get(pk=service.pk).last_revision
    revision = Revision.objects.create(service=service, number=number, config=config, revision_hash="x")
    RevisionModel.objects.create(revision=revision, version=version)
    record_uses(service)
    return service
