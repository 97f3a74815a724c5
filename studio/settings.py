"""One settings file: every value comes from the environment, with defaults that run on one machine.

`SLIPWAY_DATA` holds everything the studio writes. README.md lists the variables people set.
"""

import os
from pathlib import Path

import environ
from csp.constants import NONE, SELF, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured

from scoring.opt_outs import opt_out
from studio.core.secret_environment import restore
from studio.core.secrets import read_or_create_secret
from studio.stack import addresses, broker
from studio.web.bodies import Limits
from studio.web.body_content import Memory
from studio.web.pools import Rule

os.umask(0o077)  # what the studio writes is nobody else's
opt_out(os.environ)  # for every process of the studio and what it starts
try:
    restore(os.environ)
except ValueError as error:
    raise ImproperlyConfigured(str(error)) from error
env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env("SLIPWAY_DATA", default=str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)  # sessions, models and logs are nobody else's

DEBUG = env.bool("SLIPWAY_DEBUG", default=False)
HOST = env("SLIPWAY_HOST", default="127.0.0.1")
PORT = env.int("SLIPWAY_PORT", default=8000)
SECRET_KEY = env("SLIPWAY_SECRET_KEY", default=None) or read_or_create_secret(DATA_DIR / "secret.key")
# Newest first; older keys still decrypt, so a key is rotated by putting a new one in front.
ENCRYPTION_KEYS = env.list("SLIPWAY_ENCRYPTION_KEYS", default=[])
ENCRYPTION_KEYS_ARE_GIVEN = bool(ENCRYPTION_KEYS)
ENCRYPTION_KEYS = ENCRYPTION_KEYS or [read_or_create_secret(DATA_DIR / "encryption.key", fernet=True)]
# This machine always, and the host it listens on: health checks and telemetry come from there.
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", addresses.in_url(HOST)]
ALLOWED_HOSTS += env.list("SLIPWAY_ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS = env.list("SLIPWAY_TRUSTED_ORIGINS", default=[])
PAGES_ON_LOCALHOST = HOST == "127.0.0.1"  # a session must not be where services are
# Where services push their telemetry: this studio, as seen from the machine a service runs on.
STUDIO_URL = env("SLIPWAY_URL", default=addresses.url_of(HOST, PORT))

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "django_htmx",
    "template_partials",
    "csp",
    "axes",
    "studio",
    "studio.core",
    "studio.accounts",
    "studio.activity",
    "studio.people",
    "registry",
    "deployments",
    "monitoring",
]

MIDDLEWARE = [
    "studio.core.middleware.PagesOnLocalhostMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "studio.core.compression.CompressTextMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "studio.accounts.middleware.SignInRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "studio.core.middleware.ReadableFormMiddleware",  # knows the person, and comes before the view and CSRF check
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "studio.core.middleware.ErrorPageMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "studio.urls"
WSGI_APPLICATION = "studio.wsgi.application"

# --- the web server -------------------------------------------------------------------------------

# How bodies are read and answers written, without a thread: docs/decisions/0008-no-thread-waits-for-a-client.md.
WEB_LIMITS = Limits(
    unauthenticated_bytes=env.int("SLIPWAY_UNAUTHENTICATED_BODY_BYTES", default=64 * 1024),
    unauthenticated_seconds=env.float("SLIPWAY_UNAUTHENTICATED_BODY_SECONDS", default=5.0),
    # A form's own lines beside a file.
    authenticated_bytes=env.int("SLIPWAY_MAX_UPLOAD_BYTES", default=20 * 1024**3) + 1024**2,
    grace=env.float("SLIPWAY_BODY_GRACE_SECONDS", default=10.0),
    pace=env.int("SLIPWAY_BODY_PACE_BYTES", default=64 * 1024),
    drain_bytes=64 * 1024**2,
    drain_seconds=2.0,
)
WEB_MEMORY = Memory(env.int("SLIPWAY_BODY_MEMORY_BYTES", default=64 * 1024**2), most=16 * 1024**2)
WEB_READER_SECONDS = env.float("SLIPWAY_READER_SECONDS", default=60.0)
_CHANGES = "(POST|PUT|PATCH|DELETE)"
WEB_POOLS = [
    # Hashing a password takes a core for a third of a second, on purpose: two at a time.
    Rule(
        "sign-in",
        "^POST ((/api/v1)?/sign-in/?|/account/|/invitations/.*|/password/.*"
        "|/admin/(login|password_change|accounts/user/add|accounts/user/.*/password)/)$",
        threads=2,
        waiting=100,
    ),
    # Calls of services, dry runs, unpacking, hashing, large files: any of these may take a minute.
    Rule(
        "long",
        rf"^{_CHANGES} .*(/score|/test/|/versions|/complete|/register/|/samples/|/configs/new/|/trial/)$"
        "|^GET .*/archive/?$",
        threads=8,
        waiting=500,
    ),
    Rule("changes", f"^{_CHANGES} ", threads=8, waiting=500),
    Rule("pages", "", threads=14, waiting=500),
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["studio.core.templatetags.slipway"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "studio.accounts.context.workspace",
            ],
        },
    }
]

# --- data -----------------------------------------------------------------------------------------

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'slipway.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        # Without IMMEDIATE, a read that turns into a write fails at once under load; without WAL, readers
        # block the writer. docs/decisions/0003-sqlite-by-default.md has the figures.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA mmap_size=134217728;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# SQLite too: closing the last connection writes the whole write-ahead log back.
DATABASES["default"]["CONN_MAX_AGE"] = env.int("SLIPWAY_CONN_MAX_AGE", default=60)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_S3_BUCKET = env("SLIPWAY_S3_BUCKET", default="")
S3_OPTIONS = {
    "endpoint_url": env("SLIPWAY_S3_ENDPOINT", default=None),
    "signature_version": "s3v4",
    "addressing_style": "path",
    "file_overwrite": True,
}
STORAGES = {
    # Model files and source files, content-addressed: written once, never changed.
    "artifacts": (
        {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": S3_OPTIONS | {"bucket_name": _S3_BUCKET, "location": "artifacts"},
        }
        if _S3_BUCKET
        else {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": DATA_DIR / "artifacts", "file_permissions_mode": 0o640},
        }
    ),
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "files"},
    },
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage" if DEBUG else "studio.assets.storage.HashedStorage"
        )
    },
}
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise warns where it is missing
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "studio.assets.finder.BundleFinder",
]
# While debugging, from where they lie; else as the last start has collected them (studio/assets/collect.py).
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG

# --- background work ------------------------------------------------------------------------------

# Without REDIS_URL, `manage.py up` starts a server of its own, on its owner's socket and with a password.
EMBEDDED_BROKER = not env("REDIS_URL", default="")
REDIS_URL = broker.url(DATA_DIR) if EMBEDDED_BROKER else env("REDIS_URL")
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SEND_TASK_EVENTS = False
# Nothing here commands workers from afar, and the subscription for it would hang a worker for good: when the
# broker dies, redis-py reconnects within a read and then waits there for a response that never comes.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 30,
    "socket_connect_timeout": 2,
    "retry_on_timeout": True,
    # A publisher that finds the broker away says so at once, instead of after 6 s of trying again.
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
}
# The broker only wakes workers: every piece of work is a row that the tick finds again, so that
# sending never blocks a page for long when the broker is away.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_DEFAULT_QUEUE = "quick"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_TIMEZONE = "UTC"

# --- people ---------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "CommonPasswordValidator")
] + [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    }
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AXES_FAILURE_LIMIT = env.int("SLIPWAY_SIGN_IN_TRIES", default=10)
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "studio.people.lockout.locked_out"
AXES_HANDLER = "studio.people.lockout.SignInHandler"
# Never kept with a failed try: the password of signing in is left out anyway.
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "old_password", "new_password1", "new_password2"]
AXES_VERBOSE = False

# --- the browser ----------------------------------------------------------------------------------

HTTPS = env.bool("SLIPWAY_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        # Plotly sets style attributes; nothing else in the studio does.
        "style-src-attr": [UNSAFE_INLINE],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "worker-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
FILE_UPLOAD_TEMP_DIR = None
DATA_UPLOAD_MAX_NUMBER_FILES = 1000

# --- REST -----------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "studio.accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "studio.core.drf.Pagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_standardized_errors.openapi.AutoSchema",
    "DEFAULT_PARSER_CLASSES": ["studio.core.json_body.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "studio.core.drf.ErrorHandler",
    "EXCEPTION_FORMATTER_CLASS": "studio.core.drf.ErrorFormatter",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Slipway",
    "DESCRIPTION": "Everything the studio's pages do, over REST.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Folded: of so many operations the viewer draws those in sight alone, and a search in the page finds no others.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "docExpansion": "none"},
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "ServiceStateEnum": "deployments.models.service.Phase.choices",
        "ConfigKindEnum": "deployments.models.config.ConfigKind.choices",
        "GuardKindEnum": "deployments.api.rollouts.GUARD_KINDS",
    }
    | {
        f"{name}Enum": f"drf_standardized_errors.openapi_serializers.{name}Enum.choices"
        for name in (
            *("ValidationError", "ClientError", "ServerError", "ErrorCode401", "ErrorCode403"),
            *("ErrorCode404", "ErrorCode405", "ErrorCode406", "ErrorCode415", "ErrorCode429", "ErrorCode500"),
        )
    },
    "POSTPROCESSING_HOOKS": ["drf_standardized_errors.openapi_hooks.postprocess_schema_enums"],
}

# --- what the studio allows -----------------------------------------------------------------------

SLIPWAY = {
    # Who creates workspaces: "admins" (of the studio), or "everybody".
    "WORKSPACES_BY": env("SLIPWAY_WORKSPACES_BY", default="admins"),
    # Wrong passwords from one address within the cool-off after which it is locked, whatever the names; 0: no limit.
    "SIGN_IN_TRIES_OF_ADDRESS": env.int("SLIPWAY_SIGN_IN_TRIES_OF_ADDRESS", default=50),
    # Bytes a whole upload may have, and one chunk of it.
    "MAX_UPLOAD_BYTES": env.int("SLIPWAY_MAX_UPLOAD_BYTES", default=20 * 1024**3),
    "CHUNK_BYTES": env.int("SLIPWAY_CHUNK_BYTES", default=8 * 1024**2),
    # Bytes of the store that one pass of the scrub reads; a pass may begin every ten minutes.
    "SCRUB_BYTES": env.int("SLIPWAY_SCRUB_BYTES", default=2 * 1024**3),
    # The subprocess that opens an upload to see what it is.
    "INSPECTION_SECONDS": env.int("SLIPWAY_INSPECTION_SECONDS", default=120),
    "INSPECTION_MEMORY_BYTES": env.int("SLIPWAY_INSPECTION_MEMORY_BYTES", default=4 * 1024**3),
    # The subprocess that converts a model to ONNX and measures the variants; all attempts of a job together.
    "CONVERSION_SECONDS": env.int("SLIPWAY_CONVERSION_SECONDS", default=1800),
    "CONVERSION_MEMORY_BYTES": env.int("SLIPWAY_CONVERSION_MEMORY_BYTES", default=8 * 1024**3),
    # User code on this machine: the best walls to use where they are there, and the least to start it behind
    # (studio.sandbox.levels: none, uid, landlock, bubblewrap).
    "WALLS": env("SLIPWAY_WALLS", default="bubblewrap"),
    "REQUIRE_WALLS": env("SLIPWAY_REQUIRE_WALLS", default="none"),
    # Folders of this machine that entry scripts may read beyond their own, separated by commas.
    "READABLE_FOLDERS": env.list("SLIPWAY_READABLE_FOLDERS", default=[]),
    # Ports that local services may take.
    "LOCAL_PORTS": (
        env.int("SLIPWAY_LOCAL_PORT_FIRST", default=20000),
        env.int("SLIPWAY_LOCAL_PORT_LAST", default=20999),
    ),
    # Seconds a revision may take from start to ready before it counts as failed.
    "START_DEADLINE_SECONDS": env.int("SLIPWAY_START_DEADLINE_SECONDS", default=300),
    "BUILD_SECONDS": env.int("SLIPWAY_BUILD_SECONDS", default=1800),
    # A folder of wheels for machines without a package index; passed to the resolver as find-links.
    "WHEELS": env("SLIPWAY_WHEELS", default=""),
    # Never ask a package index: only the folder of wheels counts.
    "OFFLINE": env.bool("SLIPWAY_OFFLINE", default=False),
    # Refuse packages without a wheel: building them runs code of their makers, as the studio.
    "WHEELS_ONLY": env.bool("SLIPWAY_WHEELS_ONLY", default=False),
    # Images: what environments without a base of their own are built upon ({python} is their Python version), the
    # engine that builds packages, and which builder: buildkit, classic, or auto (BuildKit where it can be had).
    "BASE_IMAGE": env("SLIPWAY_BASE_IMAGE", default="python:{python}-slim"),
    "DOCKER_HOST": env("SLIPWAY_DOCKER_HOST", default="unix:///var/run/docker.sock"),
    "BUILDER": env("SLIPWAY_BUILDER", default="auto"),
    # Certificates (PEM) of authorities that builds of images trust, for a package index behind a company's proxy.
    "CA_BUNDLE": env("SLIPWAY_CA_BUNDLE", default=os.environ.get("SSL_CERT_FILE", "")),
    "TELEMETRY_SECONDS": env.int("SLIPWAY_TELEMETRY_SECONDS", default=5),
    # Age in seconds at which telemetry windows are merged to minutes, to ten minutes, and deleted.
    "METRICS_RAW_SECONDS": env.int("SLIPWAY_METRICS_RAW_SECONDS", default=3600),
    "METRICS_MINUTE_SECONDS": env.int("SLIPWAY_METRICS_MINUTE_SECONDS", default=86400),
    "METRICS_KEEP_SECONDS": env.int("SLIPWAY_METRICS_KEEP_SECONDS", default=30 * 86400),
}

# The front before all services: docs/front.md. Its settings file is written at each start of `make run`.
FRONT_FOLDER = DATA_DIR / "front"
FRONT = {
    "enabled": env.bool("SLIPWAY_FRONT", default=True),
    "host": env("SLIPWAY_FRONT_HOST", default="127.0.0.1"),
    "port": env.int("SLIPWAY_FRONT_PORT", default=8400),
    "certificate": env("SLIPWAY_FRONT_CERTIFICATE", default=""),
    "certificate_key": env("SLIPWAY_FRONT_CERTIFICATE_KEY", default=""),
    "self_signed": env.bool("SLIPWAY_FRONT_SELF_SIGNED", default=False),
    "redirect_port": env.int("SLIPWAY_FRONT_REDIRECT_PORT", default=None),
    "trusted_proxies": env.list("SLIPWAY_FRONT_TRUSTED_PROXIES", default=[]),
    # Where people reach it, where that is not its own host and port: https://models.example.com
    "url": env("SLIPWAY_FRONT_URL", default=""),
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "filters": {"one_line": {"()": "studio.core.log_filters.OneLine"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": env("SLIPWAY_LOG_LEVEL", default="INFO")},
    "loggers": {
        "axes": {"level": "WARNING"},
        # Scanners that ask for hosts which are not ours: a line each, not a traceback.
        "django.security.DisallowedHost": {"filters": ["one_line"], "level": "WARNING"},
        "httpx": {"level": "WARNING"},
        # A line for every tick would drown the rest; the apps log what they did.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
