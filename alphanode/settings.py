"""Settings. What differs between sites comes from the environment; docs/settings.md explains every name.

An invalid value stops the start with one line that names the setting, so that a typing mistake can't open a site.
"""

import difflib
import ipaddress
import os
import re
import secrets
import sys
from collections.abc import MutableMapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from jinja2 import ChainableUndefined

from alphanode.environment import CACHES as CACHE_ADDRESSES
from alphanode.environment import (
    Env,
    count,
    days,
    is_installed,
    items,
    items_matching,
    matching,
    networks,
    one_of,
    options,
    pairs,
    positive,
    redis_options,
    switch,
)
from posts.retention import DEFAULT_DAYS

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"


def _refuse_unknown_names(path: Path, example: Path) -> None:
    """Refuse a misspelled name in the file, which would silently leave a setting at its default."""
    if not path.exists() or not example.exists():
        return
    assigned = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=", re.MULTILINE)
    known = assigned.findall(example.read_text(encoding="utf-8"))
    for name in assigned.findall(path.read_text(encoding="utf-8")):
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f" Did you mean {close[0]}?" if close else " .env.example lists them all."
            raise ImproperlyConfigured(f"{name} in {path.name} is not a setting.{meant}")


# ENV_FILE names another file than .env, or none if it is empty (tests must not depend on a local .env).
if env_file := os.environ.get("ENV_FILE", BASE_DIR / ".env"):
    Env.read_env(env_file)
    _refuse_unknown_names(Path(env_file), BASE_DIR / ".env.example")

env = Env(
    DEBUG=(switch, False),
    SECRET_KEY=(str, ""),
    SECRET_KEY_FALLBACKS=(items, []),
    ALLOWED_HOSTS=(items, []),
    SITE_URL=(
        matching(
            r"https?://([A-Za-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?/*",
            "an address without a path, such as https://example.org",
        ),
        "",
    ),
    SITE_NAME=(str, "AlphaNode"),
    SITE_CONTACT=(matching(r"[^@\s<>\"]+@[^@\s<>\"]+", "an e-mail address, such as editors@example.org"), ""),
    BEHIND_PROXY=(switch, False),
    UNREVIEWED_POSTS=(one_of("unlisted", "hidden"), "unlisted"),
    INDEXING=(switch, True),
    LIST_ORDER=(one_of("released", "published"), "released"),
    SLUG_LETTERS=(one_of("ascii", "unicode"), "ascii"),
    IMAGE_HOSTS=(
        items_matching(
            r"[a-z0-9-]+(\.[a-z0-9-]+)+",
            "host names in lowercase, without https:// and port, such as images.unsplash.com",
        ),
        ["images.unsplash.com", "loremflickr.com", "dummyimage.com", "placehold.co"],
    ),
    IMAGES=(one_of("load", "watch", "copy"), "load"),
    LINK_CHECKS=(switch, False),
    EXTRA_CHECKS=(
        items_matching(
            r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", "names of Python modules, such as ourchecks.wording"
        ),
        [],
    ),
    RELEASE_EXPECTED_RESULT=(str, "Readers find what the title promises, and nobody reports a mistake."),
    RELEASE_ROLLBACK_NOTE=(str, "Roll back to the previous revision, or withdraw the post if there is none."),
    CDN_MAX_AGE=(count, 0),
    CDN_PURGE_URL=(matching(r"https?://[^\s@]{1,490}", "an address that begins with https:// or http://"), ""),
    CDN_PURGE_TOKEN=(str, ""),
    EMAIL_URL=(
        matching(
            r"(smtp|smtps|smtp\+tls|smtp\+ssl|filemail|consolemail)://.*",
            "the address of a mail server, such as smtp+tls://name:password@mail.example.org:587",
        ),
        "",
    ),
    EMAIL_FROM=(matching(r"[^@\s<>\"]+@[^@\s<>\"]+", "an e-mail address, such as alphanode@example.org"), ""),
    CHAT_WEBHOOK_URL=(matching(r"https?://[^\s@]+", "an address that begins with https:// or http://"), ""),
    WEBHOOK_URLS=(items_matching(r"https?://[^\s@,]{1,490}", "addresses that begin with https:// or http://"), []),
    WEBHOOK_SECRETS=(
        items_matching(
            r"whsec_(?:[A-Za-z0-9+/]{4}){8,32}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
            "secrets such as “manage.py webhook_secret” prints, comma-separated",
        ),
        [],
    ),
    OUTGOING_NETWORKS=(networks, []),
    DATABASE_URL=(str, ""),
    DATABASE_POOLER=(one_of("transaction"), ""),
    DATABASE_DIRECT_URL=(str, ""),
    DATABASE_REPLICA_URLS=(items, []),
    DATABASE_POOL_SIZE=(count, 8),
    DATABASE_KEEP_PLANS=(switch, True),
    CACHE_URL=(str, "locmemcache://"),
    PAGE_CACHE_MB=(count, 64),
    STORED_PAGES=(bool, True),
    OIDC_ISSUER=(
        matching(r"https?://[^\s@?#]+", "the address that the provider calls itself, such as https://id.example.org"),
        "",
    ),
    OIDC_CLIENT_ID=(str, ""),
    OIDC_CLIENT_SECRET=(str, ""),
    OIDC_NAME=(str, "single sign-on"),
    OIDC_SCOPES=(items, ["profile", "email"]),
    OIDC_GROUPS_CLAIM=(str, "groups"),
    OIDC_GROUPS=(pairs, {}),
    OIDC_ACR=(items, []),
    OIDC_AMR=(items, ["mfa"]),
    LOCAL_SIGN_IN=(switch, True),
    EMERGENCY_ACCOUNT=(str, ""),
    SECOND_FACTOR=(one_of("required", "optional"), ""),
    SECOND_FACTOR_GRACE_DAYS=(count, 14),
    SESSION_HOURS=(positive, 12),
    SESSION_IDLE_MINUTES=(positive, 120),
    CONFIRM_MINUTES=(positive, 30),
    AUDIT_HEAD_FILE=(str, ""),
    AUDIT_KEPT_DAYS=(count, 0),
    REPORT_KEPT_DAYS=(count, 730),
    IMPORT_UPLOAD_DIR=(str, "var/uploads"),
    IMPORT_UPLOAD_DAYS=(count, 30),
    IMPORT_DIR=(str, ""),
    STATIC_ROOT=(str, "var/static"),
    MEDIA_ROOT=(str, "var/media"),
    MEDIA_URL=(
        matching(
            r"https://[a-z0-9-]+(\.[a-z0-9-]+)+/([A-Za-z0-9._~-]+/)*",
            "an address that begins with https:// and ends with /, such as https://media.example.org/",
        ),
        "",
    ),
    MEDIA_STORAGE=(
        matching(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", "the path of a class, such as storages.backends.s3.S3Storage"),
        "django.core.files.storage.FileSystemStorage",
    ),
    MEDIA_STORAGE_OPTIONS=(options, {}),
    METRICS_TOKEN=(
        matching(r"[A-Za-z0-9._~+/=-]{20,200}", "20 letters and digits or more, as secrets.token_urlsafe prints"),
        "",
    ),
    METRICS_DIR=(str, "var/metrics"),
    SENTRY_DSN=(
        matching(r"https?://[A-Za-z0-9]+@[A-Za-z0-9.:/-]+/[0-9]+", "a DSN, such as https://key@sentry.example.org/1"),
        "",
    ),
    SENTRY_ENVIRONMENT=(matching(r"[A-Za-z0-9._-]{1,64}", "a name of letters and digits"), "production"),
    OTEL_EXPORTER_OTLP_ENDPOINT=(
        matching(r"https?://[^\s@?#]+", "the address of a collector, such as http://127.0.0.1:4318"),
        "",
    ),
    TRACE_PERCENT=(matching(r"100|[0-9]{1,2}", "a whole number from 0 to 100"), "10"),
    SLOW_REQUEST_MS=(count, 1000),
    SLOW_QUERY_MS=(count, 500),
    KEEP_DAYS=(days(DEFAULT_DAYS), dict(DEFAULT_DAYS)),
    LOG_LEVEL=(one_of("INFO", "DEBUG", "WARNING", "ERROR"), "INFO"),
)

DEBUG: bool = env("DEBUG")
MIN_KEY_LENGTH = 50


def _secret_key() -> str:
    key: str = env("SECRET_KEY")
    if key:
        if len(key) < MIN_KEY_LENGTH:
            raise ImproperlyConfigured(f"SECRET_KEY is shorter than {MIN_KEY_LENGTH} characters. Use a longer one.")
        return key
    if not DEBUG:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Make one: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )
    # For development only: generated once, outside of the repository.
    path = VAR_DIR / "development-secret-key"
    if not path.exists():
        VAR_DIR.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text()


SECRET_KEY = _secret_key()
SECRET_KEY_FALLBACKS: list[str] = env("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS: list[str] = env("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"] if DEBUG else [])
if not ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS is empty. List the host names that this site answers to.")
if "*" in ALLOWED_HOSTS and not DEBUG:
    env.refuse("ALLOWED_HOSTS", "host names in full: a site that answers to any name can be made to send wrong links")


def _is_of_this_network(host: str) -> bool:
    """Return whether a host name can only mean this machine or its own network."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return "." not in host.strip(".") or host.endswith((".localhost", ".local", ".test", ".internal"))
    return address.is_private or address.is_loopback


if DEBUG and (public := [host for host in ALLOWED_HOSTS if host != "*" and not _is_of_this_network(host)]):
    raise ImproperlyConfigured(
        f"DEBUG is on and ALLOWED_HOSTS names {public[0]}: its error pages would show code and settings to everyone."
    )

# With DEBUG off the default is https, because the site's security depends on it.
default_url = "http://127.0.0.1:8000" if DEBUG else f"https://{ALLOWED_HOSTS[0].removeprefix('.')}"
SITE_URL: str = env("SITE_URL", default=default_url, parse_default=True).rstrip("/")
IS_SECURE_SITE = not DEBUG and urlsplit(SITE_URL).scheme == "https"
SITE_NAME: str = env("SITE_NAME")
SITE_CONTACT: str = env("SITE_CONTACT")
BEHIND_PROXY: bool = env("BEHIND_PROXY")
UNREVIEWED_POSTS: str = env("UNREVIEWED_POSTS")
INDEXING: bool = env("INDEXING")
LIST_ORDER: str = env("LIST_ORDER")
SLUG_LETTERS: str = env("SLUG_LETTERS")
IMAGE_HOSTS: list[str] = env("IMAGE_HOSTS")
# Uploaded pictures. If another machine serves them, its host is one of those that images may be loaded from.
MEDIA_URL: str = env("MEDIA_URL") or "/media/"
if (media_host := urlsplit(MEDIA_URL).hostname) and media_host not in IMAGE_HOSTS:
    IMAGE_HOSTS = [*IMAGE_HOSTS, media_host]
MEDIA_ROOT = BASE_DIR / env("MEDIA_ROOT")
IMAGES: str = env("IMAGES")
LINK_CHECKS: bool = env("LINK_CHECKS")
EXTRA_CHECKS: list[str] = env("EXTRA_CHECKS")
RELEASE_EXPECTED_RESULT: str = env("RELEASE_EXPECTED_RESULT")
RELEASE_ROLLBACK_NOTE: str = env("RELEASE_ROLLBACK_NOTE")
CDN_MAX_AGE: int = env("CDN_MAX_AGE")
CDN_PURGE_URL: str = env("CDN_PURGE_URL")
CDN_PURGE_TOKEN: str = env("CDN_PURGE_TOKEN")

# Without an address of a mail server the site sends no mail.
SENDS_MAIL = bool(env("EMAIL_URL"))
if SENDS_MAIL:
    vars().update(env.email_url_config(env("EMAIL_URL")))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("EMAIL_FROM") or SITE_CONTACT or f"alphanode@{urlsplit(SITE_URL).hostname}"
CHAT_WEBHOOK_URL = env("CHAT_WEBHOOK_URL")
WEBHOOK_URLS: list[str] = env("WEBHOOK_URLS")
# The newest first. Messages are signed with each, so that receivers can change to a new one in their own time.
WEBHOOK_SECRETS: list[str] = env("WEBHOOK_SECRETS")
if WEBHOOK_URLS and not WEBHOOK_SECRETS:
    raise ImproperlyConfigured("WEBHOOK_URLS needs WEBHOOK_SECRETS. Make one with: manage.py webhook_secret")
OUTGOING_NETWORKS = env("OUTGOING_NETWORKS")

INSTALLED_APPS = [
    "posts.apps.AlphaNodeAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "django_tasks_db",
    "posts.apps.PostsConfig",
]
MIDDLEWARE = [
    "alphanode.middleware.RequestLogMiddleware",
    # Outside of all that may answer before it reads.
    "alphanode.middleware.UnreadBodyMiddleware",
    # Outside of the headers: "not modified" repeats none of them, and no-store responses get no ETag.
    "alphanode.middleware.NotModifiedMiddleware",
    "alphanode.middleware.HeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "alphanode.middleware.HealthMiddleware",
    "alphanode.middleware.MethodsMiddleware",
    "posts.importing.body_limits.BodyLimits",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "alphanode.for_people.Sessions",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "alphanode.for_people.Accounts",
    "posts.audit.accounts.AccountTrailMiddleware",
    "alphanode.for_people.Messages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "alphanode.middleware.OutageMiddleware",
    "alphanode.middleware.ReplicaMiddleware",
    # Innermost: it sees the site's own 404 answers.
    "posts.public.redirects.FormerPaths",
]
ROOT_URLCONF = "alphanode.urls"
WSGI_APPLICATION = "alphanode.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "alphanode.form_renderer.FormRenderer"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates" / "public"],
        "OPTIONS": {
            "environment": "posts.public.jinja.environment",
            "context_processors": ["posts.public.context_processors.site"],
            # A record lacks what its generator left out, and so do values derived from that.
            "undefined": ChainableUndefined,
        },
    },
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "posts.public.context_processors.site",
            ]
        },
    },
]


def _sqlite_file(url: str) -> Path:
    """Return the path of sqlite:///path (in the project's folder) or sqlite:////path.

    Creates the file, readable only by its owner.
    """
    path = BASE_DIR / env.db_url_config(url)["NAME"] if url else VAR_DIR / "alphanode.sqlite3"
    if path.name == ":memory:":
        raise ImproperlyConfigured("DATABASE_URL names no file. A database in memory would be lost with its process.")
    try:
        if path.parent == VAR_DIR:
            VAR_DIR.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise ImproperlyConfigured(f"DATABASE_URL: {path} can't be opened ({error.strerror}).") from error
    return path


def _database(url: str, *, is_web: bool, setting: str = "DATABASE_URL") -> dict[str, Any]:
    scheme = url.partition("://")[0] if url else "sqlite"
    if scheme == "sqlite":
        # Each thread of a web process has a connection. A large cache for each, or the file in its memory once for
        # each, would take 30 MB and more without saving time: the system keeps the file in memory for all of them.
        cache = "PRAGMA cache_size=-1000;" if is_web else "PRAGMA cache_size=-65536;PRAGMA mmap_size=268435456;"
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": _sqlite_file(url),
            # Opening and setting up the file takes as long as the queries of an article. Only a minute, so that a
            # replaced file is noticed.
            "CONN_MAX_AGE": 60,
            "OPTIONS": {
                # Otherwise a transaction that reads first and writes later fails with "database is locked".
                "transaction_mode": "IMMEDIATE",
                "timeout": 10,
                "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;"
                f"PRAGMA journal_size_limit=67108864;PRAGMA temp_store=MEMORY;{cache}",
            },
        }
    if scheme not in ("postgres", "postgresql"):
        # The message leaves out the address, which may contain a password.
        raise ImproperlyConfigured(
            f"{setting} must begin with sqlite:/// or postgres://. Other engines are not supported."
        )
    return _postgresql(url, is_web=is_web, setting=setting)


def _postgresql(url: str, *, is_web: bool, setting: str, is_replica: bool = False) -> dict[str, Any]:
    try:
        database: dict[str, Any] = env.db_url_config(url)
    except ValueError as error:
        raise ImproperlyConfigured(f"{setting} must look like postgres://user:password@host:port/name.") from error
    # A pool lets requests wait through a short restart; health checks find dead connections.
    database |= {"ENGINE": "alphanode.postgresql", "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}
    options = database.setdefault("OPTIONS", {})
    options["connect_timeout"] = 2
    # Detects a missing machine, or a firewall that dropped the connection, within half a minute.
    options |= {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
    is_pooled = is_web and bool(DATABASE_POOLER) and not is_replica
    # Only the statements of the busiest pages (posts.db.prepared_query) are planned once for each connection.
    options["prepare_threshold"] = 0 if env("DATABASE_KEEP_PLANS") and not is_pooled else None
    if is_pooled:
        # The pooler keeps nothing between transactions and takes no settings: wsgi.py looks whether the role has them.
        database["DISABLE_SERVER_SIDE_CURSORS"] = True
    else:
        # Says that this is a session of its own: a pooler would not let it through (posts.db.pooler).
        options["options"] = "-c alphanode.session=on"
        # Compiling a plan takes longer than any statement of a page.
        options["options"] += " -c jit=off"
        # The server, too, looks whether a silent machine is still there: otherwise its locks would last for hours.
        options["options"] += " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
        options["options"] += " -c tcp_user_timeout=30000"
    # Set by wsgi.py and for runserver. Commands (migrations, imports) may take longer and need no pool.
    if is_web:
        pool_size = max(1, env("DATABASE_POOL_SIZE"))
        options["pool"] = {"min_size": 1, "max_size": pool_size}
        options["tcp_user_timeout"] = 4_000
        if not is_pooled:
            # The server ends a statement before alphanode.postgresql assumes that it hangs. What a replica does not
            # answer in time, the primary answers.
            limit = "1500ms" if is_replica else "4s"
            options["options"] += f" -c statement_timeout={limit} -c lock_timeout=2s"
            options["options"] += " -c idle_in_transaction_session_timeout=15s"
    return database


IS_WEB = os.environ.get("ALPHANODE_PROCESS") == "web"
DATABASE_POOLER: str = env("DATABASE_POOLER")
_direct_url: str = env("DATABASE_DIRECT_URL")
if DATABASE_POOLER and not env("DATABASE_URL").startswith(("postgres://", "postgresql://")):
    raise ImproperlyConfigured("DATABASE_POOLER is for PostgreSQL. Set DATABASE_URL to the address of the pooler.")
if DATABASE_POOLER and not _direct_url:
    raise ImproperlyConfigured(
        "DATABASE_POOLER needs DATABASE_DIRECT_URL, the address of PostgreSQL itself: workers and commands don't go "
        "through the pooler."
    )
if _direct_url and not DATABASE_POOLER:
    raise ImproperlyConfigured("DATABASE_DIRECT_URL is set, but DATABASE_POOLER is not. Set both or neither.")
# What web processes use, and what workers and commands use: the same without a pooler.
WEB_DATABASE = _database(env("DATABASE_URL"), is_web=True)
OWN_DATABASE = (
    _database(_direct_url, is_web=False, setting="DATABASE_DIRECT_URL")
    if DATABASE_POOLER
    else _database(env("DATABASE_URL"), is_web=False)
)
DATABASES = {"default": WEB_DATABASE if IS_WEB else OWN_DATABASE}
DATABASE_REPLICA_URLS: list[str] = env("DATABASE_REPLICA_URLS")
if DATABASE_REPLICA_URLS and not WEB_DATABASE["ENGINE"].endswith("postgresql"):
    raise ImproperlyConfigured("DATABASE_REPLICA_URLS is for PostgreSQL. SQLite has no replicas.")
if not all(url.startswith(("postgres://", "postgresql://")) for url in DATABASE_REPLICA_URLS):
    raise ImproperlyConfigured(
        "DATABASE_REPLICA_URLS must have addresses that begin with postgres://, comma-separated."
    )
# alphanode.postgresql.replicas decides which requests a replica answers: those of readers, in web processes.
REPLICA_DATABASES = {
    f"replica{number}": _postgresql(url, is_web=True, setting="DATABASE_REPLICA_URLS", is_replica=True)
    for number, url in enumerate(DATABASE_REPLICA_URLS, start=1)
}
if IS_WEB:
    DATABASES |= REPLICA_DATABASES
CACHE_URL: str = env("CACHE_URL")
if CACHE_URL.startswith("redis"):
    CACHES: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "posts.page_cache.signed_redis.SignedRedisCache",
            "LOCATION": "",
            "OPTIONS": {"redis": redis_options(CACHE_URL)},
        }
    }
    if find_spec("redis") is None:
        raise ImproperlyConfigured(
            "CACHE_URL names Redis, but the package for it is missing. Run: "
            "pip install --require-hashes -r requirements-redis.txt"
        )
elif CACHE_URL.startswith(("locmemcache://", "filecache:///")):
    CACHES = {"default": env.cache_url_config(CACHE_URL)}
else:
    # The message leaves out the address, which may contain a password.
    raise ImproperlyConfigured(f"CACHE_URL must be {CACHE_ADDRESSES}.")
PAGE_CACHE_MB: int = env("PAGE_CACHE_MB")
STORED_PAGES: bool = env("STORED_PAGES")

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "posts.accounts.passwords.CommonPassword"},
    {"NAME": "posts.accounts.passwords.PasswordOfKnownWords"},
]
AUTHENTICATION_BACKENDS = ["posts.accounts.backend.AccountBackend"]
SECOND_FACTOR: str = env("SECOND_FACTOR") or ("optional" if DEBUG else "required")
SECOND_FACTOR_GRACE_DAYS: int = env("SECOND_FACTOR_GRACE_DAYS")
OIDC_ISSUER: str = env("OIDC_ISSUER")
OIDC_CLIENT_ID: str = env("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET: str = env("OIDC_CLIENT_SECRET")
OIDC_NAME: str = env("OIDC_NAME")
OIDC_SCOPES: list[str] = env("OIDC_SCOPES")
OIDC_GROUPS_CLAIM: str = env("OIDC_GROUPS_CLAIM")
# {group at the provider: group here}.
OIDC_GROUPS: dict[str, str] = env("OIDC_GROUPS")
OIDC_ACR: list[str] = env("OIDC_ACR")
OIDC_AMR: list[str] = env("OIDC_AMR")
LOCAL_SIGN_IN: bool = env("LOCAL_SIGN_IN")
EMERGENCY_ACCOUNT: str = env("EMERGENCY_ACCOUNT")
if OIDC_ISSUER and not (OIDC_CLIENT_ID and OIDC_CLIENT_SECRET and OIDC_GROUPS):
    raise ImproperlyConfigured("OIDC_ISSUER needs OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and OIDC_GROUPS.")
if OIDC_ISSUER.startswith("http://") and not DEBUG:
    env.refuse("OIDC_ISSUER", "an address that begins with https://")
if not LOCAL_SIGN_IN and not OIDC_ISSUER:
    raise ImproperlyConfigured("LOCAL_SIGN_IN is off and OIDC_ISSUER is not set: nobody could sign in.")
LOGIN_URL = "admin:login"
# The page after a sign-in that names no page of this site.
LOGIN_REDIRECT_URL = "admin:index"
CSRF_FAILURE_VIEW = "posts.admin.expired.give_back"
# For the form of a post with the largest record. posts.importing.body_limits refuses any other form over 1 MB unread.
# The lists of a record become many fields.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

# Only imports and pictures are uploaded: posts.importing.body_limits decides where a file of a form goes.
FILE_UPLOAD_HANDLERS = ["posts.importing.body_limits.NoUploads"]
IMPORT_UPLOADS = str(BASE_DIR / env("IMPORT_UPLOAD_DIR"))
IMPORT_UPLOAD_DAYS: int = env("IMPORT_UPLOAD_DAYS")
IMPORT_DIR: str = env("IMPORT_DIR")
if IMPORT_DIR and not os.path.isdir(IMPORT_DIR):
    env.refuse("IMPORT_DIR", "a folder that exists")

TASKS = {"default": {"BACKEND": "posts.jobs.backend.JobBackend"}}

LANGUAGE_CODE = "en"
USE_I18N = True
FORMAT_MODULE_PATH = "alphanode.formats"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / env("STATIC_ROOT")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": env("MEDIA_STORAGE"), "OPTIONS": env("MEDIA_STORAGE_OPTIONS")},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# Files that programs look for at fixed addresses: /favicon.ico.
WHITENOISE_ROOT = BASE_DIR / "static" / "root"
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_MAX_AGE = 0 if DEBUG else 300
WHITENOISE_ALLOW_ALL_ORIGINS = False


def WHITENOISE_ADD_HEADERS_FUNCTION(headers: MutableMapping[str, str], path: str, url: str) -> None:
    """Let caches keep files with a hash in their name for a year, the longest they honour."""
    if "immutable" in headers["Cache-Control"]:
        headers["Cache-Control"] = "public, max-age=31536000, immutable"


# Headers that Django sets itself; alphanode.headers has the whole table.
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_ENGINE = "posts.accounts.session_store"
SESSION_COOKIE_AGE = env("SESSION_HOURS") * 3600
SESSION_IDLE_MINUTES: int = env("SESSION_IDLE_MINUTES")
CONFIRM_MINUTES: int = env("CONFIRM_MINUTES")
AUDIT_HEAD_FILE: str = env("AUDIT_HEAD_FILE")
AUDIT_KEPT_DAYS: int = env("AUDIT_KEPT_DAYS")
REPORT_KEPT_DAYS: int = env("REPORT_KEPT_DAYS")
# posts.db.audit_triggers keeps every entry so long, whatever is asked.
if 0 < AUDIT_KEPT_DAYS < 90:
    env.refuse("AUDIT_KEPT_DAYS", "0 (kept for ever) or at least 90 days")
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
if IS_SECURE_SITE:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    # Another name than before 0.2.0: processes of both versions next to each other would end each other's sessions.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrftoken"
    SECURE_SSL_REDIRECT = True
    # A health probe asks the process directly, without the proxy that speaks TLS.
    SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
    SECURE_HSTS_SECONDS = 63072000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True

# What operators ask: /metrics needs the token; slower requests and statements get a line in the log (0: none does).
METRICS_TOKEN: str = env("METRICS_TOKEN")
METRICS_DIR = BASE_DIR / env("METRICS_DIR")
SENTRY_DSN: str = env("SENTRY_DSN")
SENTRY_ENVIRONMENT: str = env("SENTRY_ENVIRONMENT")
OTEL_EXPORTER_OTLP_ENDPOINT: str = env("OTEL_EXPORTER_OTLP_ENDPOINT")
TRACE_PERCENT = int(env("TRACE_PERCENT"))
for setting, package, extra in [
    ("SENTRY_DSN", "sentry_sdk", "sentry"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "opentelemetry.exporter", "otel"),
]:
    if env(setting) and not is_installed(package):
        raise ImproperlyConfigured(
            f"{setting} is set, but its packages are missing. Run: .venv/bin/pip install --require-hashes"
            f" -r requirements-{extra}.txt"
        )
SLOW_REQUEST_MS: int = env("SLOW_REQUEST_MS")
SLOW_QUERY_MS: int = env("SLOW_QUERY_MS")

# {kind: days}: posts.retention.
KEEP_DAYS: dict[str, int] = env("KEEP_DAYS")

LOG_LEVEL: str = env("LOG_LEVEL")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "posts.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "posts.logs.LineHandler", "stream": sys.stderr, "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # We log one line for each request; Django would repeat it with the query string.
    "loggers": {
        "django.server": {"handlers": [], "propagate": False},
        "django.request": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        # Its DEBUG lines contain texts of posts.
        "django.db.backends": {"level": "INFO"},
        # alphanode.postgresql reports an outage once, not at each attempt.
        "psycopg.pool": {"level": "ERROR"},
        "markdown_it": {"level": "WARNING"},
    },
}
