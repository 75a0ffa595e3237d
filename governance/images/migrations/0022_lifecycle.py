"""Where an image is in its life follows from columns: a registry told its digest, and it has left for good."""

from django.db import migrations, models


# As `governance.images.names.RENAME` keeps them.
KNOWN = """
UPDATE images_image image SET pushed = fact.pushed, gone = fact.gone, superseded = image.superseded OR fact.away AND NOT fact.tagged
FROM (
    SELECT image.id, place.away, EXISTS (SELECT FROM images_tag WHERE image_id = image.id) AS tagged,
           place.seen OR EXISTS (SELECT FROM images_manifest WHERE image_id = image.id) AS pushed,
           place.away OR image.superseded AND NOT EXISTS (
               SELECT FROM images_tag held JOIN images_tag other ON other.repository_id = held.repository_id
                  AND other.name = held.name AND other.since = held.until AND other.image_id <> held.image_id
               WHERE held.image_id = image.id) AS gone
    FROM images_image image CROSS JOIN LATERAL (
        SELECT coalesce(bool_or(last_seen IS NOT NULL), false) AS seen,
               coalesce(bool_and(gone_at IS NOT NULL), false) AS away
        FROM images_placement WHERE image_id = image.id) place
    WHERE image.merged_into_id IS NULL
) fact WHERE fact.id = image.id AND (fact.pushed OR fact.gone)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('findings', '0015_scan_system'),
        ('images', '0021_timeline_kinds'),
    ]

    operations = [
        migrations.AddField(
            model_name='image',
            name='gone',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='image',
            name='pushed',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(condition=models.Q(('pushed', False), ('superseded', False), ('running', None)), fields=['-rank', '-id'], name='image_only_built'),
        ),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(condition=models.Q(('superseded', True), models.Q(('running', 0), models.Q(('gone', True), ('running', None)), _connector='OR')), fields=['-rank', '-id'], name='image_retired'),
        ),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(condition=models.Q(('gone', False), ('superseded', True), ('running', None)), fields=['-rank', '-id'], name='image_superseded'),
        ),
    ]
