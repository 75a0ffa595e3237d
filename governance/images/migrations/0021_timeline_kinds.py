"""What happens to a base upstream has kinds of its own on the timeline."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('images', '0020_owner_rules'),
    ]

    operations = [
        migrations.AlterField(
            model_name='event',
            name='kind',
            field=models.CharField(choices=[('merged', 'Two records proved to be one image'), ('corrected', 'Identity corrected'), ('owned', 'Owner changed'), ('repointed', 'Tag points to another image'), ('vanished', 'Tag is no longer there'), ('gone', 'No longer in the registry'), ('based', 'Base stated by a person'), ('upstream', 'Upstream of this base changed'), ('base_gone', 'This base vanished upstream'), ('base_moved', 'The tag of this base was re-pointed upstream'), ('base_ended', 'This base is past its end of life'), ('base_old', 'This base is deprecated upstream'), ('copied', 'Our own copy of this base'), ('judged', 'Verdict changed')], max_length=12),
        ),
    ]
