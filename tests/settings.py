"""The studio's settings for tests: a data folder of their own, cheap password hashes."""

import os
import tempfile

os.environ.setdefault("SLIPWAY_DATA", tempfile.mkdtemp(prefix="slipway-tests-"))

from studio.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["*"]
AXES_ENABLED = False
CELERY_TASK_ALWAYS_EAGER = False
