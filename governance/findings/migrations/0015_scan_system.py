"""Each scan keeps what its report said of the system; those that are there already get what their image came to."""

from django.db import migrations, models

KNOWN = """
UPDATE findings_scan scan SET distro = image.distro, distro_version = image.distro_version,
    end_of_life = image.end_of_life_said
FROM images_image image
WHERE image.id = scan.image_id AND (image.distro <> '' OR image.end_of_life_said IS NOT NULL)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("findings", "0014_fix_since"),
        ("images", "0014_identity"),
    ]

    operations = [
        migrations.AddField(
            model_name="scan",
            name="distro",
            field=models.CharField(blank=True, db_default="", max_length=60),
        ),
        migrations.AddField(
            model_name="scan",
            name="distro_version",
            field=models.CharField(blank=True, db_default="", max_length=60),
        ),
        migrations.AddField(
            model_name="scan",
            name="end_of_life",
            field=models.BooleanField(null=True),
        ),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
    ]
