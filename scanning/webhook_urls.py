"""Pages of event sources, below /sources/webhooks/. What they send arrives elsewhere (endpoints.py)."""

from __future__ import annotations

from django.urls import path

from scanning.webhook_pages import (
    WebhookList,
    webhook_detail,
    webhook_remove,
    webhook_secret,
    webhook_switch,
    webhook_test,
)

app_name = "webhooks"
urlpatterns = [
    path("", WebhookList.as_view(), name="webhook_list"),
    path("<int:pk>/", webhook_detail, name="webhook_detail"),
    path("<int:pk>/secret/", webhook_secret, name="webhook_secret"),
    path("<int:pk>/switch/", webhook_switch, name="webhook_switch"),
    path("<int:pk>/remove/", webhook_remove, name="webhook_remove"),
    path("<int:pk>/test/", webhook_test, name="webhook_test"),
]
