"""Pages of findings, below /vulnerabilities/."""

from __future__ import annotations

from django.urls import path, register_converter

from governance.findings.views import VulnerabilityList, VulnerabilityPage


class Identifier:
    """A vulnerability's name. It comes from reports, so any character may be in it."""

    regex = r"[\s\S]+?"

    def to_python(self, value: str) -> str:
        """As it is."""
        return value

    def to_url(self, value: str) -> str:
        """As it is; Django quotes it."""
        return value


register_converter(Identifier, "identifier")

app_name = "findings"
urlpatterns = [
    path("", VulnerabilityList.as_view(), name="vulnerability_list"),
    path("<identifier:name>/", VulnerabilityPage.as_view(), name="vulnerability_detail"),
]
