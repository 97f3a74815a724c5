"""Images that we write ourselves, given to a real engine."""

from contextlib import suppress

import pytest
from docker.errors import APIError, ImageNotFound

from deployments.builds.images.archive import image_archive
from deployments.builds.images.image_config import Base, image_config
from deployments.builds.images.layers import Layer
from tests.docker_engine import TEST_LABEL

SETTINGS = {"Labels": {TEST_LABEL: "archive"}, "Env": ["A=1", "PATH=/opt/bin"], "User": "65532:65532"}


@pytest.fixture
def loaded(engine):
    """Load archives; removed again at the end."""
    made = []

    def load(config, layers, **options):
        made.append(config.image_id)
        events = engine.api.load_image(image_archive(config, layers, **options))
        return [event for event in events if "error" in event], engine.images.get(config.image_id)

    yield load
    for image_id in dict.fromkeys(made):
        engine.images.remove(image_id, force=True)


@pytest.fixture
def base(engine, base_image):
    return Base.of(engine.api.inspect_image(base_image))


def test_equal_inputs_give_the_same_image_and_its_files_can_be_read(loaded, base, engine):
    def image():
        layers = [Layer("model", {"opt/slipway/model": b"weights"})]
        return image_config(base, layers, SETTINGS), layers

    (problems, first), (_, second) = loaded(*image()), loaded(*image())
    assert (problems, first.id) == ([], second.id)
    script = "import os; print(open('/opt/slipway/model').read(), os.getuid(), os.environ['A'])"
    command = ["/usr/bin/python3", "-c", script]
    printed = engine.containers.run(first.id, command, remove=True, labels={TEST_LABEL: "archive"})
    assert printed == b"weights 65532 1\n"


def test_layers_that_the_engine_has_are_not_sent_again(loaded, base):
    model, code = Layer("model", {"opt/model": b"w" * 100_000}), Layer("code", {"opt/code": b"1"})
    loaded(image_config(base, [model, code], SETTINGS), [model, code])
    changed = [model, Layer("code", {"opt/code": b"2"})]
    config = image_config(base, changed, SETTINGS)
    archive = b"".join(image_archive(config, changed, known={model.diff_id}))
    problems, image = loaded(config, changed, known={model.diff_id})
    assert len(archive) < 20_000
    assert (problems, image.attrs["RootFS"]["Layers"][-2]) == ([], model.diff_id)


def test_missing_bytes_leave_no_image(engine, base):
    config = image_config(base, [layer := Layer("model", {"opt/model": b"never sent"})], SETTINGS)
    with suppress(APIError):
        list(engine.api.load_image(image_archive(config, [layer], known={layer.diff_id})))
    with pytest.raises(ImageNotFound):
        engine.api.inspect_image(config.image_id)


def test_settings_replace_those_of_the_base_and_add_to_its_variables():
    below = Base("2026-01-01T00:00:00Z", diff_ids=("sha256:1",), config={"Env": ["PATH=/bin", "B=2"], "Cmd": ["sh"]})
    raw = image_config(below, [], SETTINGS).raw.decode()
    assert '"Env":["A=1","B=2","PATH=/opt/bin"]' in raw
    assert "Cmd" not in raw
    assert '"created":"2026-01-01T00:00:00Z"' in raw
