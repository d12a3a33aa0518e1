"""Django's settings. What differs between installations comes from `config.environment`."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from config import celery as _celery  # noqa: F401 - shared tasks belong to this application
from config.environment import load_environment
from config.logs import tell_host_in_one_line
from config.queue import celery_settings

PROJECT_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = load_environment(os.environ)

DATA_DIR = ENVIRONMENT.data_dir
SECRET_KEY = ENVIRONMENT.secret_key
DEBUG = ENVIRONMENT.debug
BASE_URL = ENVIRONMENT.base_url
IS_DEFAULT_SETUP = ENVIRONMENT.is_default_setup

_base = urlsplit(BASE_URL)
_base_name = _base.hostname or "localhost"
ALLOWED_HOSTS = [
    f"[{_base_name}]" if ":" in _base_name else _base_name,
    "127.0.0.1",
    "localhost",
    "[::1]",
]
CSRF_TRUSTED_ORIGINS = [f"{_base.scheme}://{_base.netloc}"]
if _base.scheme == "https":
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 90
SESSION_COOKIE_NAME = "groundswell_session"
CSRF_COOKIE_NAME = "groundswell_csrf"

INSTALLED_APPS = [
    "notifications",
    "patches",
    "votes",
    "tracker",
    "accounts",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "allauth",
    "allauth.account",
    "rest_framework",
    "drf_spectacular",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PROJECT_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.site",
            ],
        },
    }
]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

DATABASES = {"default": ENVIRONMENT.database}
CACHES = {
    "default": {
        "BACKEND": "config.cache.FailOpenRedisCache",
        "LOCATION": ENVIRONMENT.redis_url,
        "KEY_PREFIX": "groundswell",
    }
}
REDIS_URL: str = ENVIRONMENT.redis_url
globals().update(celery_settings(ENVIRONMENT.broker_url))

# How many open pages one web process keeps up to date; see docs/live.md.
LIVE_STREAMS: int = ENVIRONMENT.live_streams
LIVE_STREAMS_PER_PERSON = 20

globals().update(ENVIRONMENT.email.as_django())
MAIL_FOLDER = ENVIRONMENT.mail_folder
# The mailbox ("" where the whole domain is ours) and the domain ("" where no mail comes in).
MAIL_IN_BOX, MAIL_IN_DOMAIN = ENVIRONMENT.mail_in
# To each domain, unless its row in the table of domains says otherwise; None for no limit.
MAIL_PER_MINUTE: int | None = ENVIRONMENT.mail_per_minute
# Whose Authentication-Results are believed: the id of one's own mail server; "" for nobody's.
MAIL_AUTHSERV_ID = ENVIRONMENT.mail_authserv_id
# The mailbox that beat has emptied every minute, None where mail comes otherwise.
MAIL_IN_IMAP = ENVIRONMENT.imap
# In seconds: how long a mail about a problem waits for what else happens to it.
EVENT_MAIL_WINDOW: int = ENVIRONMENT.event_mail_window
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENVIRONMENT.mail_from

AUTH_USER_MODEL = "accounts.Person"
# Addresses are unique whatever their case, by a constraint that this check does not see.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = "handle"
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_LOGIN_METHODS = {"email"}
# A password may be left out: the mailed code is enough to sign in.
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1"]
ACCOUNT_FORMS = {
    "signup": "accounts.forms.SignUpForm",
    "login": "accounts.forms.SignInForm",
    "request_login_code": "accounts.forms.RequestCodeForm",
    "confirm_login_code": "accounts.forms.SignInCodeForm",
    "confirm_email_verification_code": "accounts.forms.AddressCodeForm",
    "confirm_password_reset_code": "accounts.forms.ResetCodeForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "set_password": "accounts.forms.SetPasswordForm",
    "add_email": "accounts.forms.ChangeAddressForm",
    "reauthenticate": "accounts.forms.ReauthenticateForm",
}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
# Mail takes its time; the pages and the mails say 15 minutes.
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_LOGIN_TIMEOUT = 30 * 60
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = ACCOUNT_EMAIL_VERIFICATION_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_PASSWORD_RESET_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
# Strict for each mailbox and account. Whole offices share one network address, and with the
# default set-up everybody is 127.0.0.1.
_PER_NETWORK = "600/m/ip" if IS_DEFAULT_SETUP else "30/m/ip,400/h/ip"
ACCOUNT_RATE_LIMITS = {
    "signup": _PER_NETWORK,
    "login": _PER_NETWORK,
    "login_failed": f"{_PER_NETWORK},5/5m/key",
    "request_login_code": f"{_PER_NETWORK},3/m/key,20/h/key",
    "reset_password": f"{_PER_NETWORK},3/m/key,10/h/key",
    "reset_password_from_key": _PER_NETWORK,
    "confirm_email": "1/5s/key,20/h/key",
    "change_password": "5/m/user",
    "manage_email": "10/m/user,30/h/user",
    "reauthenticate": "10/m/user",
}
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_USERNAME_MIN_LENGTH = 1
ACCOUNT_PRESERVE_USERNAME_CASING = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _base.scheme

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
# No STATIC_ROOT: WhiteNoise serves the files from where they are, so nothing has to be collected.
STATICFILES_DIRS = [PROJECT_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_AUTOREFRESH = DEBUG

MEDIA_ROOT = DATA_DIR / "files"
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
ATTACHMENT_BYTES = 25 * 1024 * 1024
# Of a series by mail each part is one, in each version.
ATTACHMENTS_PER_PROBLEM = 500
# A mail that carries the largest attachment: base64 takes four bytes for three, and line ends.
MAIL_IN_BYTES = ATTACHMENT_BYTES * 14 // 10

# How old, in seconds, the charts of votes over time may be.
CHART_SECONDS = 60

# How long a vote takes to weigh half; after a change `manage.py recount_votes` sets all heats anew.
VOTE_HALF_LIFE_DAYS = float(os.environ.get("VOTE_HALF_LIFE_DAYS", "90"))

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.TokenAuthentication",
        "accounts.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "accounts.api.problems.problem_document",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    # How many proxies before the server add to X-Forwarded-For; 0 takes the peer as the asker.
    "NUM_PROXIES": int(os.environ.get("NUM_PROXIES", "0")),
}
VERSION = "0.1.0"
SPECTACULAR_SETTINGS = {
    "TITLE": "Groundswell",
    "DESCRIPTION": "Report problems, press +1 on what others reported, and follow what happens.",
    "VERSION": VERSION,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SORT_OPERATIONS": False,
    "POSTPROCESSING_HOOKS": ["accounts.api.schema.complete"],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "filters": {
        "host": {"()": "django.utils.log.CallbackFilter", "callback": tell_host_in_one_line}
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"filters": ["host"]},
        # aiosmtpd tells of every command.
        "mail.log": {"level": "ERROR"},
        # flufl.bounce tells of every make of bounce that it tries, twenty for each that came.
        "flufl.bounce": {"level": "WARNING"},
    },
}
