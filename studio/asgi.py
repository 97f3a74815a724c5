"""What the web server runs: the gate, with Django's WSGI application behind it."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studio.settings")
django.setup()  # the imports below need its tables

from django.conf import settings  # noqa: E402

from studio.web.authentication import is_authenticated  # noqa: E402
from studio.web.gate import Gate  # noqa: E402
from studio.web.pools import Pools  # noqa: E402
from studio.wsgi import application as pages_and_rest  # noqa: E402

application = Gate(
    pages_and_rest,
    is_authenticated,
    pools=Pools(settings.WEB_POOLS),
    limits=settings.WEB_LIMITS,
    memory=settings.WEB_MEMORY,
    folder=settings.DATA_DIR / "bodies",
    reader_seconds=settings.WEB_READER_SECONDS,
)
