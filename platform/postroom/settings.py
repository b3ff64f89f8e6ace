"""All settings, from the environment only. What a tenant can change is a row, not a setting."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import django_stubs_ext
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from postroom.environment import (
    EnvironmentProblem,
    env_address,
    env_bool,
    env_host_ports,
    env_int,
    env_networks,
    env_port,
    env_secret,
    env_text,
    kept_secret,
)
from postroom.lab.config import LabConfig
from transport.pressure.levels import parse_thresholds

django_stubs_ext.monkeypatch()

ROOT = Path(__file__).resolve().parents[2]
TESTING = "pytest" in sys.modules

# Where and who we are ------------------------------------------------------------------------------
POSTROOM_DATA_DIR = Path(env_text("POSTROOM_DATA_DIR") or ROOT / "var").expanduser().absolute()
POSTROOM_BIND = env_address("POSTROOM_BIND", "127.0.0.1")
POSTROOM_WEB_PORT = env_port("POSTROOM_WEB_PORT", 8000)
POSTROOM_SMTP_PORT = env_port("POSTROOM_SMTP_PORT", 2525)
POSTROOM_SUBMISSION_PORT = env_port("POSTROOM_SUBMISSION_PORT", 2587)
POSTROOM_SUBMISSIONS_PORT = env_port("POSTROOM_SUBMISSIONS_PORT", 2465)
# A database of one's own means business: there the lab and the demo tenant have to be asked for.
_trying_out = not (TESTING or env_secret("DATABASE_URL"))
POSTROOM_LAB = env_bool("POSTROOM_LAB", _trying_out)
POSTROOM_DEMO = env_bool("POSTROOM_DEMO", _trying_out)
POSTROOM_HOSTNAME = env_text("POSTROOM_HOSTNAME") or (
    "mail.contoso.example" if POSTROOM_LAB or TESTING else "localhost"
)
POSTROOM_DNS_SERVERS = env_host_ports("POSTROOM_DNS_SERVERS", default_port=53)
POSTROOM_PRIVATE_NETWORKS = env_networks("POSTROOM_PRIVATE_NETWORKS")
# Proxies in front of smtpd, which tell by the PROXY protocol for whom they speak.
POSTROOM_PROXY_NETWORKS = env_networks("POSTROOM_PROXY_NETWORKS")
# Filters and proxies that may tell for whom they speak by XCLIENT.
POSTROOM_XCLIENT_NETWORKS = env_networks("POSTROOM_XCLIENT_NETWORKS")
# Whom the certificates of next hops have to come from, instead of the system's authorities: a file of certificates.
POSTROOM_CA_FILE = env_text("POSTROOM_CA_FILE")
if POSTROOM_CA_FILE and not Path(POSTROOM_CA_FILE).is_file():
    raise EnvironmentProblem(f"POSTROOM_CA_FILE names {POSTROOM_CA_FILE}, which is no file.")
POSTROOM_LAB_ROUTES = env_text("POSTROOM_LAB_ROUTES")
POSTROOM_LAB_BASE_PORT = env_port("POSTROOM_LAB_BASE_PORT", 2600)
if POSTROOM_LAB:
    # The small Internet on loopback that ships with the product: where its DNS and its peers are (design §3).
    _lab = LabConfig.from_settings(
        POSTROOM_BIND, POSTROOM_LAB_BASE_PORT, POSTROOM_HOSTNAME, smtp_port=POSTROOM_SMTP_PORT
    )
    POSTROOM_DNS_SERVERS = POSTROOM_DNS_SERVERS or [_lab.dns_server]
    POSTROOM_LAB_ROUTES = POSTROOM_LAB_ROUTES or _lab.routes_text
    POSTROOM_PRIVATE_NETWORKS = list(dict.fromkeys([*POSTROOM_PRIVATE_NETWORKS, *_lab.private_networks]))
elif TESTING:
    POSTROOM_DNS_SERVERS = POSTROOM_DNS_SERVERS or [("127.0.0.1", 9)]  # nobody: a test asks no stranger's DNS
# Whom invitations, notices and password resets come from (transport/actions/notify.py).
# How long an organisation that its owner deletes can still be kept, and how long what was under way may take to end.
POSTROOM_DELETION_DAYS = env_int("POSTROOM_DELETION_DAYS", 30, low=0, high=365)
POSTROOM_DELETION_GRACE = 60
POSTROOM_NOTICE_ADDRESS = env_text("POSTROOM_NOTICE_ADDRESS") or f"postroom@{POSTROOM_HOSTNAME}"
POSTROOM_ADMIN_EMAIL = env_text("POSTROOM_ADMIN_EMAIL") or "operator@postroom.example"
POSTROOM_ADMIN_PASSWORD = env_secret("POSTROOM_ADMIN_PASSWORD")
POSTROOM_SMTPD_PROCESSES = env_int("POSTROOM_SMTPD_PROCESSES", 1, low=1, high=64)
POSTROOM_WORKER_CONCURRENCY = env_int("POSTROOM_WORKER_CONCURRENCY", 2, low=1, high=64)
# Thresholds of back pressure over the defaults (transport/pressure/levels.py), or "off".
POSTROOM_BACK_PRESSURE = env_text("POSTROOM_BACK_PRESSURE", "off" if TESTING else "")
try:
    parse_thresholds("" if POSTROOM_BACK_PRESSURE == "off" else POSTROOM_BACK_PRESSURE)
except ValueError as error:
    raise EnvironmentProblem(f"POSTROOM_BACK_PRESSURE: {error}.") from None
POSTROOM_METRICS_TOKEN = env_secret("POSTROOM_METRICS_TOKEN")
POSTROOM_PUBLIC_URL = (
    env_text("POSTROOM_PUBLIC_URL")
    or f"http://{POSTROOM_BIND if ':' not in POSTROOM_BIND else f'[{POSTROOM_BIND}]'}:{POSTROOM_WEB_PORT}"
).rstrip("/")

SECRET_KEY = kept_secret("SECRET_KEY", POSTROOM_DATA_DIR)
POSTROOM_ENCRYPTION_KEYS = [
    key.strip() for key in kept_secret("POSTROOM_ENCRYPTION_KEYS", POSTROOM_DATA_DIR).split(",") if key.strip()
]
DEBUG = env_bool("DEBUG", False)
ALLOWED_HOSTS = [host for host in env_text("ALLOWED_HOSTS", "*").split(",") if host]

# Database: the truth ---------------------------------------------------------------------------------
DATABASE_ROLES = {
    "owner": "",
    "web": "postroom_web",
    "flow": "postroom_flow",
    "operator": "postroom_operator",
    "broker": "postroom_broker",
}


def _database_url(role: str) -> tuple[str, bool]:
    """Return the URL for a role of ours and whether a log-in of its own stands behind it."""
    if role in {"owner", "flow"} and (own := env_secret(f"DATABASE_{role.upper()}_URL")):
        return own, True
    if url := env_secret("DATABASE_URL"):
        return url, False
    kept = POSTROOM_DATA_DIR / "database-url"  # written by the embedded PostgreSQL while it runs
    return (kept.read_text().strip() if kept.exists() else ""), False


def _conninfo(role: str) -> dict[str, Any]:
    url, own_login = _database_url(role)
    try:
        info = dict(conninfo_to_dict(url))
    except ProgrammingError:
        raise EnvironmentProblem(
            "DATABASE_URL is not a PostgreSQL address; write postgresql://user:password@host:port/database."
        ) from None
    if url and "dbname" not in info:
        raise EnvironmentProblem("DATABASE_URL names no database; write postgresql://user:password@host:port/database.")
    return info | ({} if own_login else {"role": DATABASE_ROLES[role]})


def _database(role: str) -> dict[str, Any]:
    info = _conninfo(role)
    options: dict[str, Any] = {
        key: value for key, value in info.items() if key not in {"dbname", "user", "password", "host", "port", "role"}
    }
    options.setdefault("connect_timeout", 10)
    if info.get("role"):
        # Not Django's assume_role, which asks the pool for a connection in order to open one, and waits for itself.
        options["options"] = f"{info.get('options') or ''} -c role={info['role']}".strip()
    if role == "web" and not TESTING:
        options["pool"] = {"min_size": 1, "max_size": 10, "timeout": 10}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": info.get("dbname", "postroom"),
        "USER": info.get("user", ""),
        "PASSWORD": info.get("password", ""),
        "HOST": info.get("host", ""),
        "PORT": info.get("port", ""),
        "OPTIONS": options,
        "ATOMIC_REQUESTS": True,
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"TEMPLATE": "template0"},
    }


DATABASE_ROLE = env_text("POSTROOM_DATABASE_ROLE", "owner" if TESTING else "flow")
if DATABASE_ROLE not in DATABASE_ROLES:
    raise EnvironmentProblem(f"POSTROOM_DATABASE_ROLE is {DATABASE_ROLE!r}; write one of {', '.join(DATABASE_ROLES)}.")
DATABASES = {"default": _database(DATABASE_ROLE)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Broker: a hint --------------------------------------------------------------------------------------
CELERY_BROKER_URL = env_secret("CELERY_BROKER_URL") or ("memory://" if TESTING else "pgmq://localhost")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {}
if CELERY_BROKER_URL.startswith("pgmq:"):
    CELERY_BROKER_TRANSPORT = "postroom.broker_transport.Transport"
    _broker = _conninfo("broker")
    _broker_role = _broker.pop("role", "")
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "conn_string": make_conninfo(**_broker, options=f"-c role={_broker_role} -c search_path=pgmq,public"),
        "init_extension": False,
        "visibility_timeout": 60,
        "wait_time_seconds": 0,
        "polling_interval": 0.05,  # LISTEN with a prefetch of 1 stalls; polling costs 0.2 ms each (design §12.16)
        "pool_size": 4,
        "pool_timeout": 5,
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_ACKS_LATE = False  # PostgreSQL is the truth: a lost wake-up costs one sweep, a repeated poison task a loop
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # its fanout queues cost a poll each
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TASK_DEFAULT_QUEUE = "deliver"
CELERY_TASK_ROUTES = {
    "transport.sweep": {"queue": "sweep"},
    "transport.reroute": {"queue": "sweep"},
    "transport.route_again": {"queue": "sweep"},
    "transport.release_held": {"queue": "sweep"},
    "transport.purge_tenants": {"queue": "sweep"},
    "transport.housekeeping": {"queue": "sweep"},
    "transport.figures": {"queue": "sweep"},
    "transport.bulk": {"queue": "sweep"},
    "transport.bulk_of_tenant": {"queue": "sweep"},
    "tenants.*": {"queue": "sweep"},
}
CELERY_BEAT_SCHEDULE = {
    "password-resets": {"task": "tenants.send_password_resets", "schedule": 60.0, "options": {"expires": 60}},
    "failed-sign-ins": {"task": "tenants.report_failed_sign_ins", "schedule": 300.0, "options": {"expires": 300}},
    "old-sign-ins": {"task": "tenants.forget_old_sign_ins", "schedule": 3600.0, "options": {"expires": 3600}},
    "sweep": {"task": "transport.sweep", "schedule": 10.0, "options": {"expires": 10}},
    "housekeeping": {"task": "transport.housekeeping", "schedule": 60.0, "options": {"expires": 60}},
    "figures": {"task": "transport.figures", "schedule": 10.0, "options": {"expires": 10}},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(POSTROOM_DATA_DIR / "celerybeat-schedule")

# Web ---------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "tenants.apps.TenantsConfig",
    "transport.apps.TransportConfig",
    "postroom.apps.PostroomConfig",
    "postroom.console",
    "postroom.api",
    "postroom.operators.apps.OperatorsConfig",
    "postroom.embedded",
    "postroom.lab",
    "postroom.operators.apps.OperatorsAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "postroom.sign_in",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["postroom.sign_in.backend.PasswordBackend"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "postroom.security.SecurityHeadersMiddleware",
    "postroom.security.NoNulMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "postroom.sign_in.middleware.LastSeenMiddleware",
    "postroom.scoping.ScopeMiddleware",
    "postroom.sign_in.middleware.SecondFactorMiddleware",
]
ROOT_URLCONF = "postroom.urls"
ASGI_APPLICATION = "postroom.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "postroom.console.context.console",
            ]
        },
    }
]
PASSWORD_HASHERS = [
    "postroom.sign_in.hashers.LeanArgon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",  # of earlier days; written anew at the next log-in
]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "console:sign-in"
LOGIN_REDIRECT_URL = "console:overview"
LOGOUT_REDIRECT_URL = "console:sign-in"
PASSWORD_RESET_TIMEOUT = 2 * 3600
POSTROOM_OPERATORS_SECOND_FACTOR = env_bool("POSTROOM_OPERATORS_SECOND_FACTOR", False)

# Signing in: allauth's flows, our rules (postroom/sign_in/). Its rate limits live in each process's own cache and are
# off; ours are counted in the database.
ACCOUNT_ADAPTER = "postroom.sign_in.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = False
MFA_ADAPTER = "postroom.sign_in.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # addresses are made by administrators, none is claimed
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_RECOVERY_CODE_DIGITS = 10
MFA_TOTP_TOLERANCE = 1
MFA_RATE_LIMITS = False
# Browsers let passkeys be used over plain http on localhost alone, and there it is wanted.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = POSTROOM_PUBLIC_URL.startswith("http://")
POSTROOM_OIDC_ISSUER = env_text("POSTROOM_OIDC_ISSUER").rstrip("/")
POSTROOM_OIDC_NAME = env_text("POSTROOM_OIDC_NAME") or "OpenID Connect"
POSTROOM_OIDC_CLIENT_ID = env_text("POSTROOM_OIDC_CLIENT_ID")
# For whom the tokens are made that mail programs show over SMTP (XOAUTH2, OAUTHBEARER).
POSTROOM_OIDC_AUDIENCES = [
    name.strip() for name in (env_text("POSTROOM_OIDC_AUDIENCES") or POSTROOM_OIDC_CLIENT_ID).split(",") if name.strip()
]
SOCIALACCOUNT_ADAPTER = "postroom.sign_in.oidc.SocialAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = True  # a form's redirect to elsewhere is stopped by our content security policy
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "oidc",
                "name": POSTROOM_OIDC_NAME,
                "client_id": POSTROOM_OIDC_CLIENT_ID,
                "secret": env_secret("POSTROOM_OIDC_CLIENT_SECRET"),
                "settings": {"server_url": POSTROOM_OIDC_ISSUER},
            }
        ]
        if POSTROOM_OIDC_ISSUER
        else [],
    }
}
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = f"postroom_{POSTROOM_WEB_PORT}"  # two copies on one host keep their log-ins apart
CSRF_COOKIE_NAME = f"postroom_csrf_{POSTROOM_WEB_PORT}"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = POSTROOM_PUBLIC_URL.startswith("https:")
X_FRAME_OPTIONS = "SAMEORIGIN"  # a letter's HTML stands in a sandboxed frame of our own
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 50 * 1024 * 1024
CSRF_TRUSTED_ORIGINS = [POSTROOM_PUBLIC_URL]

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # the packages' own files are served: no collecting step that could be forgotten
WHITENOISE_AUTOREFRESH = DEBUG

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ja", "日本語")]
LOCALE_PATHS = [ROOT / "platform" / "postroom" / "locale"]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["postroom.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["postroom.api.permissions.RoleAllows"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "postroom.api.pagination.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "postroom.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "postroom.api.errors.problem_details",
    "UNAUTHENTICATED_USER": None,
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Postroom API",
    "VERSION": "1",
    "DESCRIPTION": "Mail flow for many tenants, explained.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "SuspensionModeEnum": "tenants.models.SuspensionMode",
        "ClientVerdictEnum": ["relays", "delivers", "log_in", "refused"],
        "BulkVerbEnum": "transport.models.BulkOperation.Verb",
    },
}

# Logs: one readable line each; the supervisor puts the process's name in front ------------------------------
LOG_LEVEL = env_text("POSTROOM_LOG_LEVEL", "INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s", "datefmt": "%H:%M:%S"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "mail.log": {"level": "ERROR"},  # aiosmtpd's chatter
        "celery": {"level": "WARNING"},
        "django.server": {"level": "WARNING"},
    },
}
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postroom.settings")
