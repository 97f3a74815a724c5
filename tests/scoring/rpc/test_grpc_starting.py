"""What a gRPC service needs to start: its port, its libraries, and room for its threads."""

import socket

from tests.scoring.conftest import Replica, double_model, free_port
from tests.scoring.rpc_client import HEADERS, ROW, started, tensor, triton_input


def test_taken_port_is_reported(replica):
    with socket.create_server(("127.0.0.1", 0)) as other:
        failure = replica.with_models(double=double_model).fail_to_start(grpc_port=other.getsockname()[1])
    assert failure["reason"] == "port_taken"
    assert "taken by another program" in failure["message"]


def test_replicas_do_not_share_a_grpc_port_by_accident(replica, tmp_path):
    rpc = started(replica.with_models(double=double_model))
    second = Replica(tmp_path / "second").with_models(double=double_model)
    failure = second.fail_to_start(grpc_port=rpc.port)
    second.close()
    assert failure["reason"] == "port_taken"
    assert str(rpc.port) in failure["message"]
    assert rpc.ask(tensor()).model_name == "double"
    rpc.close()


def test_entry_script_is_not_served_over_grpc(replica):
    script = "def init():\n    pass\ndef run(data):\n    return data\n"
    failure = replica.with_script(script).fail_to_start(grpc_port=free_port())
    assert "models without code" in failure["message"]


def test_memory_limit_leaves_room_for_grpc_threads(replica):
    rpc = started(replica.with_models(double=double_model), processes=1, memory_bytes=200 * 1024 * 1024)
    assert rpc.triton.infer("double", [triton_input("x", ROW)], headers=HEADERS).as_numpy("y").tolist() == [
        [2, 4, 6, 8]
    ]
    rpc.close()


def test_missing_grpc_libraries_are_named(replica, tmp_path, monkeypatch):
    (tmp_path / "grpc.py").write_text("raise ImportError('grpcio is not here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    failure = replica.with_models(double=double_model).fail_to_start(grpc_port=free_port())
    assert failure["reason"] == "import_missing"
    assert "grpcio and protobuf" in failure["message"]
    assert "grpcio is not here" in failure["message"]


def test_service_without_grpc_does_not_load_it(replica):
    replica.with_models(double=double_model).start()
    for worker in replica.workers():
        mapped = " ".join(one.path for one in worker.memory_maps())
        assert "onnxruntime" in mapped
        assert "cygrpc" not in mapped
        assert "google" not in mapped
