"""The shipped policies, as they are at the time when a database is made."""

from pathlib import Path

from django.db import migrations

from governance.policy.document import plain
from governance.policy.written import read_policies

SHIPPED = Path(__file__).resolve().parent.parent / "shipped.yaml"


def ship(apps, schema_editor):
    Policy = apps.get_model("policy", "Policy")
    for policy in read_policies(SHIPPED.read_text()):
        Policy.objects.get_or_create(
            name=policy.name,
            defaults={"document": plain(policy), "is_active": policy.active, "changed_by": "shipped"},
        )


class Migration(migrations.Migration):
    dependencies = [("policy", "0001_initial")]
    operations = [migrations.RunPython(ship, migrations.RunPython.noop)]
