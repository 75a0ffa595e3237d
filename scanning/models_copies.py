"""How one writes to a registry: for copies that are kept there, and for what is put back there."""

from __future__ import annotations

from django.db import models


class PushAccess(models.Model):
    """The account that may push to a connected registry: another one than the one it is crawled with.

    Without a password of its own, the connection's is used.
    """

    connection = models.OneToOneField(
        "scanning.Connection", models.CASCADE, primary_key=True, related_name="push_access"
    )
    username = models.CharField(max_length=200, blank=True)
    # Sealed (`governance.web.vault`), bound to the connection and its address; never shown again.
    secret = models.BinaryField(null=True)
    secret_changed_at = models.DateTimeField(null=True)
