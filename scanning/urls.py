"""Pages of scanning, below /deliveries/."""

from __future__ import annotations

from django.urls import path

from scanning.scan_pages import image_rescan, scan_list
from scanning.views import DeliveryList, delivery_detail, delivery_raw, delivery_replay, format_list

app_name = "scanning"
urlpatterns = [
    path("", DeliveryList.as_view(), name="delivery_list"),
    path("formats/", format_list, name="format_list"),
    path("scans/", scan_list, name="scan_list"),
    path("rescan/<int:pk>/", image_rescan, name="rescan"),
    path("<int:pk>/", delivery_detail, name="delivery_detail"),
    path("<int:pk>/raw/", delivery_raw, name="delivery_raw"),
    path("<int:pk>/replay/", delivery_replay, name="delivery_replay"),
]
