"""Search by tag; and images that nobody assessed no longer rank as the worst of all."""

from django.db import migrations, models

UNASSESSED = "UPDATE images_image SET rank = 0 WHERE finding_set_id IS NULL AND rank <> 0"


class Migration(migrations.Migration):
    dependencies = [("images", "0001_initial")]
    operations = [
        migrations.AddIndex(
            model_name="tag",
            index=models.Index(fields=["name"], name="tag_name", opclasses=["varchar_pattern_ops"]),
        ),
        migrations.RunSQL(UNASSESSED, migrations.RunSQL.noop),
    ]
