"""Amazon ECR: a twelve-hour password from an access key, and the repositories of the account (API of 2015-09-21)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from governance.web.outbound import Client
from scanning.registries.oci import Listing, Registry
from scanning.registries.product import ask, collect
from scanning.registries.values import RegistryError, Target

NAME = "ecr"
TITLE = "Amazon ECR"
NAMESPACE = ""
RIGHTS = (
    "an access key (its id as the user, its secret as the password) with ecr:GetAuthorizationToken,"
    " ecr:DescribeRepositories, ecr:ListImages, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer"
)
HOST = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?P<china>\.cn)?")
SERVICE = "AmazonEC2ContainerRegistry_V20150921"


class Authorization(msgspec.Struct, rename="camel"):
    """One login, `AWS:password` in base64."""

    authorization_token: str = ""


class Authorizations(msgspec.Struct, rename="camel"):
    """What GetAuthorizationToken answers."""

    authorization_data: list[Authorization] = []


class Row(msgspec.Struct, rename="camel"):
    """A repository."""

    repository_name: str


class Page(msgspec.Struct, rename="camel"):
    """What DescribeRepositories answers."""

    repositories: list[Row] = []
    next_token: str | None = None


def endpoint(target: Target) -> str:
    """The API of the registry's region; RegistryError where its host tells none."""
    found = HOST.fullmatch(target.host)
    if target.api_url:
        return target.api_url
    if found is None:
        raise RegistryError("unsupported", f"{target.host} is no host of ECR (ACCOUNT.dkr.ecr.REGION.amazonaws.com)")
    return f"https://api.ecr.{found['region']}.amazonaws.com{found['china'] or ''}"


def trusted(host: str) -> tuple[str, ...]:
    """The API of the same region."""
    found = HOST.fullmatch(host)
    return (f"api.ecr.{found['region']}.amazonaws.com{found['china'] or ''}",) if found else ()


def sign_in(target: Target, client: Client) -> Target:
    """Exchange the access key for a login at the registry."""
    if not target.secret:
        return target
    found, _ = call(Registry(target, client), "GetAuthorizationToken", {}, Authorizations)
    try:
        login = base64.b64decode(found.authorization_data[0].authorization_token, validate=True).decode()
    except (IndexError, ValueError) as error:
        raise RegistryError("garbled", "ECR gave no login for this access key") from error
    username, _, password = login.partition(":")
    return replace(target, username=username, secret=password, before=target)


def repositories(registry: Registry) -> Listing:
    """All of the account in the region."""
    key = Registry(registry.target.before or registry.target, registry.client)
    account = HOST.fullmatch(registry.target.host)
    asked: dict[str, Any] = {"maxResults": 1000, **({"registryId": account["account"]} if account else {})}
    first = endpoint(registry.target)

    def page(url: str) -> tuple[Iterable[str], str | None]:
        token = url.removeprefix(first).removeprefix("#")
        found, _ = call(key, "DescribeRepositories", asked | ({"nextToken": token} if token else {}), Page)
        onward = f"{first}#{found.next_token}" if found.next_token else None
        return [row.repository_name for row in found.repositories], onward

    return collect(first, page)


def call[T](registry: Registry, action: str, what: dict[str, Any], shape: type[T]) -> tuple[T, Any]:
    """One signed call."""
    url = endpoint(registry.target).rstrip("/") + "/"
    body = json.dumps(what).encode()
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{SERVICE}.{action}"}
    headers |= signature(registry.target, url, headers, body, datetime.now(UTC))
    return ask(registry, url, shape, headers, body)


def signature(
    target: Target, url: str, headers: dict[str, str], body: bytes, at: datetime, service: str = "ecr"
) -> dict[str, str]:
    """AWS Signature Version 4 of a POST to `/` (algorithm AWS4-HMAC-SHA256)."""
    found = HOST.fullmatch(target.host)
    day, moment = at.strftime("%Y%m%d"), at.strftime("%Y%m%dT%H%M%SZ")
    signed = {name.lower(): value for name, value in headers.items()}
    signed |= {"host": urlsplit(url).netloc, "x-amz-date": moment}
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{day}/{found['region'] if found else 'us-east-1'}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{target.secret}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    proof = hmac.new(key, text.encode(), "sha256").hexdigest()
    credential = f"Credential={target.username}/{scope}, SignedHeaders={names}, Signature={proof}"
    return {"X-Amz-Date": moment, "Authorization": f"AWS4-HMAC-SHA256 {credential}"}
