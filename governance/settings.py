"""Every setting of Portwarden, read from the environment once. A wrong value stops the start."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from governance.environment import database, env_bool, env_choice, env_command, env_int, env_keys, env_list, env_secret
from governance.findings.osv.ecosystems import ECOSYSTEMS, feed_addresses
from governance.framework import INSTALLED_APPS as INSTALLED_APPS
from governance.framework import MIDDLEWARE as MIDDLEWARE
from governance.framework import REST_FRAMEWORK as REST_FRAMEWORK
from governance.framework import SECURE_CSP as SECURE_CSP
from governance.framework import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from governance.single_sign_on import OidcSettings, env_groups, provider_id
from governance.web.addresses import Allowed

ROOT = Path(__file__).resolve().parent.parent

# Shows tracebacks in the browser; never for a server that others can reach.
DEBUG = env_bool("DEBUG", False)
# Signs sessions and forms; at least 50 random characters.
SECRET_KEY = env_secret("SECRET_KEY")
if len(SECRET_KEY) < 50:
    raise ImproperlyConfigured("SECRET_KEY must be at least 50 random characters (`openssl rand -hex 32` writes 64)")
# Earlier secret keys, comma separated, accepted until they are taken out (key rotation).
SECRET_KEY_FALLBACKS = env_list("SECRET_KEY_FALLBACKS", "")

# Encrypts stored credentials: 32 random bytes in base64. Earlier ones, comma separated, still open what they sealed.
ENCRYPTION_KEYS = env_keys("ENCRYPTION_KEY")

# The address people and CI use; links in mails and curl lines are made from it.
BASE_URL = os.environ.get("BASE_URL", "http://127.0.0.1:8000").rstrip("/")
# Host names that requests may name.
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", f"{urlsplit(BASE_URL).hostname},127.0.0.1,localhost,[::1]")
if "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts; * would let anybody forge links")
CSRF_TRUSTED_ORIGINS = [BASE_URL]
HTTPS = BASE_URL.startswith("https://")

# postgresql://user:password@host:port/name
DATABASES = {"default": database(env_secret("DATABASE_URL", "postgresql://portwarden@localhost/portwarden"))}
# Milliseconds after which a page's database statement is given up; workers set their own.
STATEMENT_TIMEOUT_MS = env_int("STATEMENT_TIMEOUT_MS", 5_000, 100)
DATABASES["default"] |= {
    "CONN_MAX_AGE": 600,
    "CONN_HEALTH_CHECKS": True,
    "DISABLE_SERVER_SIDE_CURSORS": True,
}
DATABASES["default"]["OPTIONS"] = {
    # Values never become part of a statement's text.
    "server_side_binding": True,
    "connect_timeout": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "portwarden",
    "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c idle_in_transaction_session_timeout=60000",
    **DATABASES["default"]["OPTIONS"],
}
# How often a worker sends a statement before the server keeps its plan; 0 never (PgBouncer before 1.21 needs that).
PREPARE_AFTER = env_int("PREPARE_AFTER", 3, 0)

# redis://host:port/0 or unix:///path/to/socket; carries hints only, losing it loses nothing.
REDIS_URL = env_secret("REDIS_URL", "redis://127.0.0.1:6379/0")

ROOT_URLCONF = "governance.urls"
WSGI_APPLICATION = "governance.wsgi.application"
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
                "governance.web.context.frame",
            ],
            "builtins": ["governance.web.templatetags.portwarden"],
        },
    }
]

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "overview:start"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Hours a session lives without being used.
SESSION_COOKIE_AGE = env_int("SESSION_HOURS", 8, 1) * 3600
SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"

# Sign-in by OpenID Connect: the provider's issuer (https://id.example/realms/main), and what it knows this instance as.
# Its redirect address is BASE_URL/login/oidc/… as the page of sign-in names it. Without an issuer none of it is loaded.
OIDC_ISSUER = os.environ.get("OIDC_ISSUER", "").rstrip("/")
OIDC_PROVIDER = provider_id(OIDC_ISSUER)
OIDC_CLIENT_ID = os.environ.get("OIDC_CLIENT_ID", "")
OIDC_CLIENT_SECRET = env_secret("OIDC_CLIENT_SECRET")
# What the button on the page of sign-in says.
OIDC_NAME = os.environ.get("OIDC_NAME", "single sign-on")
# Groups that put people into teams: `group=team:role`, `group=@admin`, `group=@auditor`, by commas; and the claim that
# names somebody's groups.
OIDC_GROUPS = env_groups("OIDC_GROUPS")
OIDC_GROUPS_CLAIM = os.environ.get("OIDC_GROUPS_CLAIM", "groups")
# Origins beside the issuer's that a browser is led through on its way to sign in, by commas.
OIDC_ORIGINS = env_list("OIDC_ORIGINS", "")
if OIDC_ISSUER:
    if not OIDC_CLIENT_ID or not OIDC_ISSUER.startswith(("https://", "http://")):
        raise ImproperlyConfigured("OIDC_ISSUER must be an http(s) address, and OIDC_CLIENT_ID must be set")
    oidc = OidcSettings(OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_NAME, OIDC_ORIGINS)
    INSTALLED_APPS = [*INSTALLED_APPS, *oidc.apps]
    MIDDLEWARE = [*MIDDLEWARE, oidc.middleware]
    AUTHENTICATION_BACKENDS = oidc.backends
    SECURE_CSP = {**SECURE_CSP, "form-action": oidc.form_action}
    globals().update(oidc.allauth)

SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
X_FRAME_OPTIONS = "DENY"
if env_bool("TRUST_X_FORWARDED_PROTO", False):
    # Only behind a proxy that sets the header itself.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$"]

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
# Where collectstatic puts the files that the web process serves.
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT", ROOT / "staticfiles"))
# A checkout that was never collected (tests, development) serves its files by their plain names.
COLLECTED = not DEBUG and (STATIC_ROOT / "staticfiles.json").exists()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if COLLECTED or "collectstatic" in sys.argv
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_USE_FINDERS = not COLLECTED

# Where the instance keeps its state; its disk must have room before reports are taken.
DATA_DIRECTORY = Path(os.environ.get("PORTWARDEN_DATA") or ROOT)

# Accepting reports (bytes); the stricter of two documented limits always holds.
WIRE_LIMIT = env_int("WIRE_LIMIT", 32 * 2**20, 1024)
BODY_LIMIT = env_int("BODY_LIMIT", 128 * 2**20, 1024)
RATIO_LIMIT = 100
# Bytes of unprocessed bodies, and seconds the oldest may wait, before new reports get 503 with Retry-After.
BACKLOG_LIMIT = env_int("BACKLOG_LIMIT", 2 * 2**30, 1)
BACKLOG_SECONDS = env_int("BACKLOG_SECONDS", 1_800, 1)
# Reports one token may send in a minute.
REPORTS_PER_MINUTE = env_int("REPORTS_PER_MINUTE", 6_000, 1)
# Seconds a worker may hold a delivery before another takes it over.
LEASE_SECONDS = env_int("LEASE_SECONDS", 60, 2)
# Days a processed body is kept; quarantined ones stay until a person decides.
BODY_DAYS = env_int("BODY_DAYS", 30, 1)
# Megabytes of address space a worker process may use; a report that needs more is quarantined.
WORKER_MEMORY_MB = env_int("WORKER_MEMORY_MB", 2_048, 256)
# Seconds between two looks at the database for work nobody was told of.
SWEEP_SECONDS = env_int("SWEEP_SECONDS", 2, 1)
# Days after which the last scan at a place counts as stale; STALE_DAYS_CI and its like say it for one place.
STALE_DAYS = env_int("STALE_DAYS", 14, 1)
STALE_DAYS_AT = {
    "ci": env_int("STALE_DAYS_CI", STALE_DAYS, 1),
    "registry": env_int("STALE_DAYS_REGISTRY", STALE_DAYS, 1),
    "runtime": env_int("STALE_DAYS_RUNTIME", STALE_DAYS, 1),
}
# How many of its usual pauses a source may be silent before an event is raised, and hours that hold for every source
# instead of its own habit (0: none do).
SILENT_PAUSES = env_int("SILENT_PAUSES", 2, 1)
SILENT_HOURS = env_int("SILENT_HOURS", 0, 0)
# Days for which an image is expected again from the source that reported it last, if a tag still points to it.
EXPECTED_DAYS = env_int("EXPECTED_DAYS", 90, 1)
# What scans images where they lie, beside the scanners of Harbor and Quay: `off`, `trivy`, `syft` (packages only),
# a command as a JSON list with {image} in it, or `auto`: Trivy where TRIVY_SERVER is set, else Syft if it is installed.
SCANNER = env_command("SCANNER", {"auto", "off", "trivy", "syft"})
# Address of a Trivy server, which keeps the database; without it each worker fetches its own.
TRIVY_SERVER = os.environ.get("TRIVY_SERVER", "")
# Scans that are asked for in an hour (0: none but those that people ask for), at a time, and days until the next.
SCANS_PER_HOUR = env_int("SCANS_PER_HOUR", 60, 0)
SCANS_AT_ONCE = env_int("SCANS_AT_ONCE", 1, 1)
SCAN_DAYS = env_int("SCAN_DAYS", 7, 1)
# Seconds and megabytes of address space that a scanner's program may use.
SCANNER_SECONDS = env_int("SCANNER_SECONDS", 600, 1)
SCANNER_MEMORY_MB = env_int("SCANNER_MEMORY_MB", 6_144, 64)
# Whose severity and fix are shown where several scanners report the same; the others follow by name.
SCANNER_ORDER = env_list("SCANNER_ORDER", "trivy,grype,clair,anchore,twistlock,aqua")
# Issuers of VEX documents that are trusted, parted by semicolons, the most trusted first: their word goes before that
# of others, and theirs alone holds for a package wherever it lies.
VEX_ISSUER_ORDER = env_list("VEX_ISSUER_ORDER", "", ";")
# Whether statements of issuers that are not in VEX_ISSUER_ORDER are only shown and set nothing aside.
VEX_LISTED_ONLY = env_bool("VEX_LISTED_ONLY", False)
# Whether a base is approved only by another person than who put it forward.
APPROVAL_NEEDS_TWO = env_bool("APPROVAL_NEEDS_TWO", False)
# What a base is that no entry of the approved list names: unknown, warn or deny.
APPROVAL_UNLISTED = env_choice("APPROVAL_UNLISTED", "unknown", "warn", "deny")
# Minutes between two looks at each base where it comes from.
UPSTREAM_MINUTES = env_int("UPSTREAM_MINUTES", 60, 5)
# What the admission webhook does with images whose verdict is fail: `audit` warns and lets them run, `enforce` refuses.
ADMISSION_MODE = env_choice("ADMISSION_MODE", "audit", "enforce")
# What enforcing does with images that nobody knows enough of, and what is answered while the database is away.
ADMISSION_UNKNOWN = env_choice("ADMISSION_UNKNOWN", "allow", "deny")
ADMISSION_WHEN_DOWN = env_choice("ADMISSION_WHEN_DOWN", "allow", "deny")
# Longest life of an exemption in days, and whether one is granted only by another person than who asked for it.
EXEMPTION_DAYS = env_int("EXEMPTION_DAYS", 180, 1)
EXEMPTION_NEEDS_TWO = env_bool("EXEMPTION_NEEDS_TWO", False)
# Hosts beside the public internet that Portwarden may call itself: host, host:port or network, comma separated.
try:
    OUTBOUND_ALLOWED_HOSTS = Allowed.of(env_list("OUTBOUND_ALLOWED_HOSTS", ""))
except ValueError as error:
    raise ImproperlyConfigured(f"OUTBOUND_ALLOWED_HOSTS: {error}") from error
# File with certificates of authorities that are trusted beside the system's.
OUTBOUND_CA_FILE = os.environ.get("OUTBOUND_CA_FILE", "")
if OUTBOUND_CA_FILE and not Path(OUTBOUND_CA_FILE).is_file():
    raise ImproperlyConfigured(f"OUTBOUND_CA_FILE: there is no file {OUTBOUND_CA_FILE}")
# http(s)://user:password@host:port of the proxy that outgoing requests take, and the hosts or domains that need none.
OUTBOUND_PROXY = env_secret("OUTBOUND_PROXY")
if OUTBOUND_PROXY and urlsplit(OUTBOUND_PROXY).scheme not in ("http", "https"):
    raise ImproperlyConfigured("OUTBOUND_PROXY must begin with http:// or https://")
OUTBOUND_NO_PROXY = env_list("OUTBOUND_NO_PROXY", "")
# The mail server that digests and alerts go through (none: they are only kept), its port, and how it is spoken to:
# `starttls`, `tls` from the first byte, or `off` for a server on this machine.
SMTP_HOST = os.environ.get("SMTP_HOST", "")
SMTP_TLS = env_choice("SMTP_TLS", "starttls", "tls", "off")
SMTP_PORT = env_int("SMTP_PORT", {"starttls": 587, "tls": 465, "off": 25}[SMTP_TLS], 1)
SMTP_USER = os.environ.get("SMTP_USER", "")
SMTP_PASSWORD = env_secret("SMTP_PASSWORD")
# Whom mails are from.
MAIL_FROM = os.environ.get("MAIL_FROM") or f"Portwarden <portwarden@{urlsplit(BASE_URL).hostname}>"
# Weeks that digests are kept in the archive.
DIGEST_WEEKS = env_int("DIGEST_WEEKS", 104, 1)
# Where each feed is fetched from: an https address or the path of a file; `off` leaves it to `manage.py feeds`.
FEEDS = {
    "epss": os.environ.get("EPSS_FEED", "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz"),
    "kev": os.environ.get(
        "KEV_FEED", "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"
    ),
    "endoflife": os.environ.get("ENDOFLIFE_FEED", "https://endoflife.date/api/v1/products/full"),
}
# Ecosystems whose advisories in the OSV format are matched with package lists (`Debian, Alpine, PyPI`), and the address
# or path of each one's file, with ECOSYSTEM for its name.
OSV_ECOSYSTEMS = env_list("OSV_ECOSYSTEMS", "")
OSV_FEED = os.environ.get("OSV_FEED", "https://osv-vulnerabilities.storage.googleapis.com/ECOSYSTEM/all.zip")
if unknown := sorted(set(OSV_ECOSYSTEMS) - ECOSYSTEMS.keys()):
    raise ImproperlyConfigured(f"OSV_ECOSYSTEMS: {', '.join(unknown)} is none of {', '.join(ECOSYSTEMS)}")
FEEDS |= feed_addresses(OSV_ECOSYSTEMS, OSV_FEED)
for name, source in FEEDS.items():
    if source != "off" and not source.startswith(("https://", "http://", "/")):
        raise ImproperlyConfigured(f"{name.upper()}_FEED must be an https address, an absolute path or off")
# For fault tests only: `point:kill`, `point:raise` or `point:sleep=SECONDS`, comma separated.
FAILPOINTS = os.environ.get("PW_FAILPOINT", "")
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "governance.web.logs.JsonFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
}
