"""Reading settings from the environment: a wrong value stops the start with a sentence."""

from __future__ import annotations

import base64
import binascii
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
URL_SAFE = str.maketrans("-_", "+/")
FALSE = {"0", "false", "no", "off", ""}


def env_bool(name: str, default: bool) -> bool:
    """Read 1/true/yes/on or 0/false/no/off."""
    word = os.environ.get(name, "1" if default else "0").strip().lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {word!r}")


def env_int(name: str, default: int, minimum: int = 0) -> int:
    """Read a whole number of at least `minimum`."""
    word = os.environ.get(name, str(default)).strip()
    if not word.isdecimal() or int(word) < minimum:
        raise ImproperlyConfigured(f"{name} must be a whole number of at least {minimum}, not {word!r}")
    return int(word)


def env_choice(name: str, *words: str) -> str:
    """Read one of `words`; the first where nothing is said."""
    word = os.environ.get(name, words[0]).strip()
    if word not in words:
        raise ImproperlyConfigured(f"{name} must be {', '.join(words[:-1])} or {words[-1]}, not {word!r}")
    return word


def env_list(name: str, default: str, separator: str = ",") -> list[str]:
    """Read a list, comma-separated if nothing else is said; empty entries are left out."""
    return [word.strip() for word in os.environ.get(name, default).split(separator) if word.strip()]


def env_secret(name: str, default: str = "") -> str:
    """Read NAME, or the file that NAME_FILE names (as container secrets arrive)."""
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return os.environ.get(name, default)
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE: {error}") from error


def env_keys(name: str) -> list[bytes]:
    """Read the key NAME and, comma separated in NAME_FALLBACKS, earlier ones: 32 bytes each, in base64."""
    keys = []
    for word in (env_secret(name), *env_list(f"{name}_FALLBACKS", "")):
        try:
            keys.append(base64.b64decode(word.strip().translate(URL_SAFE), validate=True))
        except binascii.Error as error:
            raise ImproperlyConfigured(f"{name} must be 32 random bytes in base64: {error}") from error
        if word and len(keys[-1]) != 32:
            raise ImproperlyConfigured(f"{name} must be 32 random bytes in base64, not {len(keys[-1])}")
    return [key for key in keys if key]


def env_command(name: str, words: set[str]) -> str | list[str]:
    """Read one of `words`, or a program with its arguments as a JSON list; no shell ever sees it."""
    text = os.environ.get(name, "").strip() or "auto"
    if text in words:
        return text
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list) or not found or not all(isinstance(word, str) and word for word in found):
        raise ImproperlyConfigured(
            f'{name} must be one of {", ".join(sorted(words))}, or a list as in ["trivy", "image"]'
        )
    if not any("{image}" in word for word in found[1:]):
        raise ImproperlyConfigured(f"{name} must have {{image}} among its arguments")
    return found


def database(url: str) -> dict[str, Any]:
    """Turn `postgresql://user:password@host:port/name?option=value` into Django's form.

    A Unix socket is given as `postgresql:///name?host=/directory&user=name` (libpq's own URI form).
    """
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ImproperlyConfigured("DATABASE_URL must begin with postgresql:// (no other database is supported)")
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "portwarden",
        "USER": options.pop("user", unquote(parts.username or "")),
        "PASSWORD": options.pop("password", unquote(parts.password or "")),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": options.pop("port", str(parts.port or "")),
        "OPTIONS": options,
    }
