"""Queues: images of which something has to be found or counted anew."""

from __future__ import annotations

from django.db import models


class LineageWork(models.Model):
    """An image whose base has to be found anew, and whose arrival may concern others."""

    class Spread(models.IntegerChoices):
        """Whom else it concerns."""

        NOBODY = 0, "Itself alone"
        CLAIMS = 1, "Images that are said to be built on it"
        LAYERS = 2, "Those, and every image on its layers"

    image = models.OneToOneField("images.Image", models.CASCADE, related_name="+")
    spread = models.SmallIntegerField(choices=Spread, default=Spread.NOBODY)


class SplitWork(models.Model):
    """An image whose findings have to be split anew into inherited and own ones."""

    image = models.OneToOneField("images.Image", models.CASCADE, related_name="+")


class ReachWork(models.Model):
    """An image of which has to be counted anew what is built on it; the more that is, the less often."""

    image = models.OneToOneField("images.Image", models.CASCADE, related_name="+")
    due = models.DateTimeField(db_index=True)
    asked = models.IntegerField(default=1)


class RunningWork(models.Model):
    """An image that an agent told of, and of which something else was learned: who runs it is counted anew."""

    image = models.OneToOneField("images.Image", models.CASCADE, related_name="+")


class VerdictWork(models.Model):
    """An image whose verdicts may have changed (`governance.policy.work`).

    A number and no key, and an image may stand here twice: whoever puts it here waits for nobody. 0 is every image.
    """

    image = models.BigIntegerField(db_index=True)
