import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from studio.stack.lifeline import die_with_supervisor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studio.settings")
die_with_supervisor(os.getppid())
application = get_wsgi_application()
# Load every page before the first request, then keep the collector from walking through all that code again and
# again: a full collection would hold a request up for a tenth of a second.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
