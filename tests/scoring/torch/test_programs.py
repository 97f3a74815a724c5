"""PyTorch's exported programs and TorchScript, where PyTorch is installed: its wheels are too large for every run."""

import zipfile

import numpy as np
import pytest

from scoring.core.errors import ScoringError, StartFailure
from tests.scoring.loading import ask, load

torch = pytest.importorskip("torch", reason="needs PyTorch, which is not among the packages for tests")
ROWS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 2)

    def forward(self, x):
        return torch.softmax(self.linear(x), 1)


@pytest.fixture(params=["pt2", "torchscript"])
def saved(request, tmp_path):
    net = Net().eval()
    path = tmp_path / "net"
    if request.param == "pt2":
        batch = {"x": {0: torch.export.Dim("batch")}}
        with path.open("wb") as file:
            torch.export.save(torch.export.export(net, (torch.zeros(2, 4),), dynamic_shapes=batch), file)
    else:
        torch.jit.script(net).save(path)
    return net, tmp_path, request.param


def test_program_answers_as_the_module_it_was_made_of(saved):
    net, folder, form = saved
    found = ask(load(folder, "net", form, "pytorch"), x=ROWS)
    assert np.allclose(next(iter(found.values())), net(torch.from_numpy(ROWS)).detach().numpy())


def test_inputs_of_another_shape_are_the_requests_fault(saved):
    _, folder, form = saved
    with pytest.raises(ScoringError, match="the model refuses these inputs") as refused:
        ask(load(folder, "net", form, "pytorch"), x=ROWS[:, :3])
    assert refused.value.status == 400


def test_exported_program_tells_its_shapes(saved):
    _, folder, form = saved
    shape = load(folder, "net", form, "pytorch").inputs["x"].shape
    assert shape == ((-1, 4) if form == "pt2" else None)


@pytest.mark.parametrize("form", ["pt2", "torchscript"])
def test_file_that_is_no_program_is_refused(tmp_path, form):
    with zipfile.ZipFile(tmp_path / "net", "w") as archive:
        archive.writestr("net/archive_format", "pt2")
    with pytest.raises(StartFailure, match="m:1 cannot be loaded by PyTorch"):
        load(tmp_path, "net", form, "pytorch")
