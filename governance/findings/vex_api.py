"""VEX statements over HTTP: the list with the page's filters, and one."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework import mixins, serializers
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Token
from governance.accounts.permissions import viewer_of
from governance.findings.filters import VexFilterSet
from governance.findings.models_vex import VexStatement
from governance.findings.vex_apply import may_count


class VexSerializer(serializers.ModelSerializer[VexStatement]):
    """One statement, as it was made and as it stands."""

    aliases = serializers.SerializerMethodField()
    report = serializers.IntegerField(source="delivery")
    counts = serializers.SerializerMethodField(
        help_text="false where it is only shown: its issuer is not trusted, or its product not known here"
    )
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoked_by = serializers.CharField(allow_null=True)
    revoked_because = serializers.CharField(allow_null=True)

    class Meta:
        model = VexStatement
        fields = [
            *("id", "issuer", "vulnerability", "aliases", "status", "justification", "detail", "products", "component"),
            *("reach", "stated_at", "received_at", "format", "report", "is_current", "counts"),
            *("revoked_at", "revoked_by", "revoked_because"),
        ]

    def get_counts(self, row: VexStatement) -> bool:
        """By who says it and where it holds."""
        return may_count(row.issuer, row.reach)

    def get_aliases(self, row: VexStatement) -> list[str]:
        """Other names that the statement gives the vulnerability."""
        return row.names[1:]


class VexViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[VexStatement]):
    """What issuers say of products, the last that came first."""

    # Names the model for the OpenAPI document.
    queryset = VexStatement.objects.none()
    serializer_class = VexSerializer
    filterset_class = VexFilterSet
    keyset = ("-id",)
    scopes = (Token.Scope.READ,)
    lookup_value_regex = r"\d{1,18}"

    def get_queryset(self) -> QuerySet[VexStatement]:
        """What may concern the caller."""
        return VexStatement.objects.visible_to(viewer_of(self.request)).with_revocation()
