"""Pages of VEX statements, below /vex/."""

from __future__ import annotations

from django.urls import path

from governance.findings.vex_views import StatementList, statement_restore, statement_revoke

app_name = "vex"
urlpatterns = [
    path("", StatementList.as_view(), name="statement_list"),
    path("<int:pk>/revoke/", statement_revoke, name="statement_revoke"),
    path("<int:pk>/restore/", statement_restore, name="statement_restore"),
]
