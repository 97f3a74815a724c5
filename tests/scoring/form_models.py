"""What the tests of the forms share: models that give back what they get, and requests with any body."""

from contextlib import contextmanager

from onnx import TensorProto, helper

from tests.scoring.conftest import Replica, save

KIND = {"float": TensorProto.FLOAT, "uint8": TensorProto.UINT8, "string": TensorProto.STRING, "int8": TensorProto.INT8}


def same_model(kind, shape):
    """Gives its input back, of any kind and shape."""

    def make(path):
        x, y = (helper.make_tensor_value_info(name, KIND[kind], shape) for name in "xy")
        return save(path, [helper.make_node("Identity", ["x"], ["y"])], [x], [y])

    return make


@contextmanager
def services(tmp_path_factory, **makers):
    """A service for each model, by name."""
    made = {name: Replica(tmp_path_factory.mktemp(name) / "replica").with_models(**{name: maker})
            for name, maker in makers.items()}  # fmt: skip
    try:
        for one in made.values():
            one.launch()
        for one in made.values():
            one.wait_for("ready")
        yield made
    finally:
        for one in made.values():
            one.close()


def send(server, body, content_type, **headers):
    return server.client.post("/score", content=body, headers={"Content-Type": content_type} | headers)


def message_of(answer, status=400):
    assert answer.status_code == status, answer.text
    return answer.json()["message"]
