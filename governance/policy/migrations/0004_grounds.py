"""Reasons are stored once for all images of which the same is said; kept verdicts are judged anew."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("policy", "0003_exemptions")]
    operations = [
        migrations.RunSQL("DELETE FROM policy_verdict", migrations.RunSQL.noop),
        migrations.RunSQL("UPDATE policy_round SET finished_at = now() WHERE finished_at IS NULL", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Grounds",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hash", models.BinaryField(max_length=16, unique=True)),
                ("reasons", models.JSONField(default=list)),
                ("policies", models.JSONField(default=dict)),
            ],
        ),
        migrations.RemoveField(model_name="verdict", name="policies"),
        migrations.RemoveField(model_name="verdict", name="reasons"),
        migrations.AddField(
            model_name="verdict",
            name="grounds",
            field=models.ForeignKey(on_delete=models.PROTECT, related_name="+", to="policy.grounds"),
            preserve_default=False,
        ),
        migrations.RunSQL(
            "INSERT INTO policy_round (why, day, total, done, reached)"
            " SELECT 'reasons are kept anew', '1970-01-01', 0, 0, 0 WHERE EXISTS (SELECT FROM images_image)",
            migrations.RunSQL.noop,
        ),
    ]
