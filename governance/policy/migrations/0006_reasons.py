"""Each reason is stored once, whatever stands beside it; kept verdicts are judged anew."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("policy", "0005_granted")]
    operations = [
        migrations.RunSQL("DELETE FROM policy_verdict", migrations.RunSQL.noop),
        migrations.RunSQL(
            "UPDATE policy_round SET finished_at = now() WHERE finished_at IS NULL", migrations.RunSQL.noop
        ),
        migrations.CreateModel(
            name="Ground",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hash", models.BinaryField(max_length=16, unique=True)),
                ("row", models.JSONField()),
            ],
        ),
        migrations.RemoveField(model_name="verdict", name="grounds"),
        migrations.DeleteModel(name="Grounds"),
        migrations.AddField(
            model_name="verdict",
            name="reasons",
            field=django.contrib.postgres.fields.ArrayField(models.BigIntegerField(), default=list, size=None),
        ),
        migrations.AddField(model_name="verdict", name="policies", field=models.JSONField(default=dict)),
        migrations.RunSQL(
            "INSERT INTO policy_round (why, day, total, done, reached)"
            " SELECT 'reasons are kept anew', '1970-01-01', 0, 0, 0 WHERE EXISTS (SELECT FROM images_image)",
            migrations.RunSQL.noop,
        ),
    ]
