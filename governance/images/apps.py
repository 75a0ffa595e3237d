"""Django's name for this package."""

from django.apps import AppConfig


class ImagesConfig(AppConfig):
    """governance.images, label `images`."""

    name = "governance.images"
    label = "images"
