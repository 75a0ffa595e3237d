"""Pages of images, below /images/. They read findings, which `governance.images` must not, so they live here."""

from __future__ import annotations

from django.urls import path

from governance.overview.image_page import TABS, ImagePage
from governance.overview.lineage_page import LineagePage
from governance.overview.owner_pages import RepositoryList
from governance.overview.repository_page import RepositoryPage
from governance.overview.views import ImageList

app_name = "images"
urlpatterns = [
    path("", ImageList.as_view(), name="image_list"),
    path("repositories/", RepositoryList.as_view(), name="repository_list"),
    path("repositories/<int:pk>/", RepositoryPage.as_view(), name="repository_detail"),
    path("<int:pk>/", ImagePage.as_view(), name="image_detail"),
    path("<int:pk>/lineage/", LineagePage.as_view(), name="image_lineage"),
    *(
        path(f"<int:pk>/{tab}/", ImagePage.as_view(tab=tab), name=f"image_{tab}")
        for tab in TABS
        if tab != LineagePage.tab
    ),
]
