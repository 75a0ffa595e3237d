"""Who granted an exemption, and when, stays known after it was revoked."""

from django.db import migrations, models

KNOWN = "UPDATE policy_exemption SET granted_at = decided_at, granted_by = decided_by WHERE state = 'granted'"


class Migration(migrations.Migration):
    dependencies = [("policy", "0004_grounds")]
    operations = [
        migrations.AddField("exemption", "granted_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "exemption", "granted_by", models.CharField(blank=True, db_default="", default="", max_length=200)
        ),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
    ]
