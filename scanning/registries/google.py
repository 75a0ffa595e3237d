"""Google Artifact Registry: images of one Docker repository of a project (API v1), by a service account's key."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote, urlencode

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from governance.web.outbound import Client
from scanning.registries.oci import Listing, Registry
from scanning.registries.product import ask, collect, namespace
from scanning.registries.values import RegistryError, Target

NAME = "google"
TITLE = "Google Artifact Registry"
NAMESPACE = "PROJECT/REPOSITORY"
RIGHTS = "user _json_key with a service account's key (JSON) that has roles/artifactregistry.reader"
KEY_USER, TOKEN_USER = "_json_key", "oauth2accesstoken"
API, TOKENS = "https://artifactregistry.googleapis.com", "https://oauth2.googleapis.com/token"
READ = "https://www.googleapis.com/auth/cloud-platform.read-only"
HOST = re.compile(r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev")


class Account(msgspec.Struct):
    """A service account's key, as Google writes it."""

    client_email: str
    private_key: str


class Token(msgspec.Struct):
    """A token for an hour."""

    access_token: str


class Row(msgspec.Struct):
    """One image: `LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/NAME@sha256:…`."""

    uri: str


class Page(msgspec.Struct, rename="camel"):
    """A page of them."""

    docker_images: list[Row] = []
    next_page_token: str | None = None


def trusted(host: str) -> tuple[str, ...]:
    """Its API, and where keys become tokens."""
    return ("artifactregistry.googleapis.com", "oauth2.googleapis.com")


def sign_in(target: Target, client: Client) -> Target:
    """Exchange a key for a token, with which one pulls and lists."""
    if target.username != KEY_USER:
        return target
    url = f"{target.api_url.rstrip('/')}/token" if target.api_url else TOKENS
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion(target.secret, url)}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    found, _ = ask(Registry(target, client), url, Token, headers, urlencode(form).encode())
    return replace(target, username=TOKEN_USER, secret=found.access_token, before=target)


def assertion(key: str, audience: str) -> str:
    """A signed claim to be that account (RFC 7523), for ten minutes."""
    try:
        account = msgspec.json.decode(key, type=Account)
        private = load_pem_private_key(account.private_key.encode(), password=None)
    except (msgspec.DecodeError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RegistryError("auth", "the password is no service account's key (a JSON file)") from error
    if not isinstance(private, RSAPrivateKey):
        raise RegistryError("auth", "the service account's key is of a kind that Google does not use")
    now = int(time.time())
    claims = {"iss": account.client_email, "scope": READ, "aud": audience, "iat": now, "exp": now + 600}
    text = f"{encoded({'alg': 'RS256', 'typ': 'JWT'})}.{encoded(claims)}"
    return f"{text}.{unpadded(private.sign(text.encode(), PKCS1v15(), SHA256()))}"


def encoded(value: dict[str, object]) -> str:
    """As a part of a JWT."""
    return unpadded(json.dumps(value).encode())


def unpadded(data: bytes) -> str:
    """URL-safe base64 without its padding (RFC 7515)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def repositories(registry: Registry) -> Listing:
    """The names among the images of one repository."""
    target, found = registry.target, HOST.fullmatch(registry.target.host)
    project, _, name = namespace(registry, NAMESPACE).partition("/")
    if found is None or not name:
        raise RegistryError("unsupported", "enter PROJECT/REPOSITORY, and a host like europe-west1-docker.pkg.dev")
    parent = f"projects/{quote(project, safe=':.')}/locations/{found['location']}/repositories/{quote(name, safe='')}"
    first = f"{(target.api_url or API).rstrip('/')}/v1/{parent}/dockerImages?pageSize=1000"
    headers = {"Authorization": f"Bearer {target.secret}"} if target.username == TOKEN_USER else {}

    def page(url: str) -> tuple[Iterable[str], str | None]:
        rows, _ = ask(registry, url, Page, headers)
        onward = f"{first}&pageToken={quote(rows.next_page_token, safe='')}" if rows.next_page_token else None
        return [row.uri.partition("@")[0].partition("/")[2] for row in rows.docker_images], onward

    return collect(first, page)
