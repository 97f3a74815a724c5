"""The studio's settings for tests: a data folder of their own, cheap password hashes."""

import atexit
import os
import shutil
import tempfile

# Each test process gets a folder; the programs that it starts share it.
_me = os.environ.get("PYTEST_XDIST_WORKER", "main")
if "SLIPWAY_DATA" not in os.environ or os.environ.get("SLIPWAY_TESTS_OF", _me) != _me:
    os.environ["SLIPWAY_DATA"] = tempfile.mkdtemp(prefix="slipway-tests-")
    os.environ["SLIPWAY_TESTS_OF"] = _me
    atexit.register(shutil.rmtree, os.environ["SLIPWAY_DATA"], ignore_errors=True)

from studio.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["*"]
AXES_ENABLED = False
CELERY_TASK_ALWAYS_EAGER = False
STATIC_ROOT.mkdir(exist_ok=True)  # noqa: F405 - whitenoise warns when it is missing
# Each start of a studio has a data folder of its own: nothing is collected there.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_USE_FINDERS = True
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, as in real life: SQLite in memory has no write-ahead log and refuses threads that write at once.
    DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}  # noqa: F405
FRONT = FRONT | {"enabled": False}  # noqa: F405 - tests of the front turn it on
