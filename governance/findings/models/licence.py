"""Licences of packages, as the scans of an image tell them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Licence(models.Model):
    """What a report says of one package's licences, stored once for the whole fleet.

    `text` is what is shown, `names` are the licences in it, by SPDX where that is plain (`licences.py`).
    """

    id = models.AutoField(primary_key=True)
    # A hash of the text and the names: an index of constant size.
    key = models.BinaryField(max_length=16, unique=True)
    text = models.CharField(max_length=1_000)
    names = ArrayField(models.CharField(max_length=100))

    def __str__(self) -> str:
        return self.text


class LicenceSet(models.Model):
    """What a scan says of the licences of its packages: a `Licence`, or 0, for each of its package set, in that order.

    Beside the package set and no part of it: what is known of licences may grow while the packages stay the same, and
    one sender's word does not change what another's scan of the same packages shows.
    """

    hash = models.BinaryField(max_length=16, unique=True)
    licences = ArrayField(models.IntegerField())
