"""Pages of registries, below /registries/."""

from __future__ import annotations

from django.urls import path

from scanning.push_views import PushForm, push_stop
from scanning.registry_views import RegistryDetail, RegistryForm, RegistryList, registry_crawl, registry_remove

app_name = "registries"
urlpatterns = [
    path("", RegistryList.as_view(), name="registry_list"),
    path("new/", RegistryForm.as_view(), name="registry_new"),
    path("<int:pk>/", RegistryDetail.as_view(), name="registry_detail"),
    path("<int:pk>/edit/", RegistryForm.as_view(), name="registry_edit"),
    path("<int:pk>/push/", PushForm.as_view(), name="registry_push"),
    path("<int:pk>/push/stop/", push_stop, name="registry_push_stop"),
    path("<int:pk>/crawl/", registry_crawl, name="registry_crawl"),
    path("<int:pk>/remove/", registry_remove, name="registry_remove"),
]
