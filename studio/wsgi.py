import os

from django.core.wsgi import get_wsgi_application

from studio.stack.lifeline import die_with_supervisor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studio.settings")
die_with_supervisor()
application = get_wsgi_application()
