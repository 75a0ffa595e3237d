"""How Django, the REST framework and Celery are put together: what no instance changes. The settings take it over."""

from __future__ import annotations

from django.utils.csp import CSP

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "governance.web",
    "governance.accounts",
    "governance.images",
    "governance.findings",
    "governance.runtime",
    "governance.approvals",
    "governance.policy",
    "governance.briefings",
    "governance.overview",
    "scanning",
]
MIDDLEWARE = [
    "governance.web.middleware.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "governance.web.middleware.Unavailable",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "governance.web.middleware.LoginRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "connect-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "object-src": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "governance.accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["governance.accounts.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "governance.web.pagination.KeysetPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "governance.web.problems.exception_handler",
    "PAGE_SIZE": 50,
    # `?format=` names a scanner's format here, not the answer's.
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Portwarden",
    "VERSION": "1",
    "DESCRIPTION": "Container images: what they are, what scanners say of them, where they run.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "ApprovalState": "governance.approvals.models.ApprovedBase.State",
        "ApprovalVerdict": ["allow", "warn", "deny", "unknown"],
        "ChangeEnum": "governance.runtime.models.BenchmarkResult.Change",
        "CheckResult": "governance.runtime.models.BenchmarkResult.Result",
        "DigestState": "governance.briefings.models.Briefing.State",
        "ExemptionKind": "governance.policy.models_exemption.Exemption.Kind",
        "ExemptionScope": "governance.policy.models_exemption.Exemption.Scope",
        "ExemptionState": "governance.policy.models_exemption.Exemption.State",
        "ScopeEnum": "governance.accounts.models.Token.Scope",
        "ImageState": "governance.images.models.Image.State",
        "ReportState": ["received", "processed", "quarantined"],
        "OwnerRuleKind": "governance.images.models.OwnerRule.Kind",
        "RetentionState": "governance.approvals.models.RetentionRun.State",
        "RetentionStage": "governance.approvals.models.RetentionRule.Stage",
        "RetentionItemState": "governance.approvals.models.RetentionItem.State",
        "StageEnum": "governance.findings.models.Scan.Stage",
        "Outcome": ["pass", "warn", "fail", "unknown"],
        "ReasonOutcome": ["inform", "pass", "warn", "fail", "unknown"],
        "WatchStateEnum": "governance.approvals.models.Watch.State",
        "WebhookState": ["off", "never", "refused", "heard"],
        "WebhookKind": "scanning.hooks.CHOICES",
    },
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}

# The queue of periodic work; hints have Celery's own.
CLOCK = "clock"
# Beside the broker's address, which is a setting.
CELERY = {
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_transport_options": {"socket_connect_timeout": 1, "visibility_timeout": 600},
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_ignore_result": True,
    "task_publish_retry": False,
    "task_soft_time_limit": 240,
    "task_time_limit": 300,
    "worker_prefetch_multiplier": 1,
    "worker_max_tasks_per_child": 2_000,
    "worker_max_memory_per_child": 280_000,  # kB
    "worker_soft_shutdown_timeout": 20,
    "worker_hijack_root_logger": False,
    "timezone": "UTC",
}
