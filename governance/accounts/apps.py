"""Django's name for this package."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """governance.accounts, label `accounts`."""

    name = "governance.accounts"
    label = "accounts"
