from tests.docker_engine import base_image, engine  # noqa: F401 - fixtures
