"""Signing in (RFC 9110 challenges; the token specification of CNCF Distribution; Basic)."""

from __future__ import annotations

import base64
import re
import threading
import time
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec

from governance.web.outbound import Client, Limits
from scanning.registries.values import RegistryError, Target

SCHEME = re.compile(r"\s*,?\s*([A-Za-z0-9._~+-]+)(?:\s+|$)")
PARAMETER = re.compile(r'\s*,?\s*([A-Za-z0-9._-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?=,|$)')
# A token answer is small and comes at once, or the sign-in does not work.
LIMITS = Limits(connect=5, read=10, whole=20, body=256 * 1024)
# Seconds a token lives where its answer does not say, and how long before its end a new one is fetched.
LIFE, EARLY = 60.0, 10.0
LONGEST_LIFE = 3600.0


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server asks for: `bearer` or `basic`, with its parameters."""

    scheme: str
    parameters: dict[str, str]


class Answer(msgspec.Struct):
    """A token server's answer; either name is in use."""

    token: str | None = None
    access_token: str | None = None
    expires_in: float | None = None


def challenges(header: str) -> list[Challenge]:
    """Read `WWW-Authenticate`: several may stand in one header, and quoted strings contain commas."""
    found: list[Challenge] = []
    position = 0
    header = header[:8_192]
    while position < len(header) and (start := SCHEME.match(header, position)):
        position = start.end()
        parameters: dict[str, str] = {}
        while pair := PARAMETER.match(header, position):
            quoted, bare = pair[2], pair[3]
            parameters[pair[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
            position = pair.end()
        found.append(Challenge(start[1].lower(), parameters))
    return found


def basic(username: str, secret: str) -> str:
    """RFC 7617."""
    return "Basic " + base64.b64encode(f"{username}:{secret}".encode()).decode()


class SignIn:
    """The credentials of one registry: tokens by scope, and which hosts may be sent what. For several threads."""

    def __init__(self, target: Target, client: Client) -> None:
        self.target, self.client = target, client
        self._tokens: dict[str, tuple[str, float]] = {}
        self._is_basic = False
        self._lock = threading.Lock()

    @property
    def has_credentials(self) -> bool:
        """Somebody signs in; without it the registry is read anonymously."""
        return bool(self.target.secret)

    def header(self, scope: str) -> str:
        """What to send with a request for this scope before anybody asked; empty where nothing is known yet."""
        if self._is_basic:
            return basic(self.target.username, self.target.secret)
        token, until = self._tokens.get(scope, ("", 0.0))
        return f"Bearer {token}" if token and time.monotonic() < until else ""

    def answer(self, header: str, scope: str) -> str:
        """The header that answers a challenge. RegistryError `auth` where there is none, `refused` for a wrong realm.

        What was asked for is what we asked: a registry that names another scope than `scope` is not followed.
        """
        asked = challenges(header)
        bearer = next((one for one in asked if one.scheme == "bearer"), None)
        if bearer is not None:
            with self._lock:
                return self.header(scope) or f"Bearer {self._fetch(bearer.parameters, scope)}"
        if not any(one.scheme == "basic" for one in asked):
            raise RegistryError("auth", f"{self.target.host} asks for a sign-in of a kind that is not known")
        if not self.has_credentials:
            raise RegistryError("auth", f"{self.target.host} wants a user name and a password, and has none here")
        if not self.target.may_have_secret(self.target.base_url):
            raise RegistryError("refused", "credentials are not sent unencrypted")
        self._is_basic = True
        return basic(self.target.username, self.target.secret)

    def forget(self, scope: str) -> None:
        """The token was refused: the next request asks for a new one."""
        self._tokens.pop(scope, None)

    def _fetch(self, said: dict[str, str], scope: str) -> str:
        """A token from the realm; called under the lock, so that many threads ask once."""
        realm = urljoin(self.target.base_url, said.get("realm", ""))
        place = urlsplit(realm).netloc
        query = [("service", said["service"])] if said.get("service") else []
        query += [("scope", one) for one in scope.split()]
        headers = {"Accept": "application/json"}
        if self.has_credentials:
            if not self.target.may_have_secret(realm):
                raise RegistryError(
                    "refused",
                    f"{self.target.host} sends its users to {realm[:200]!r} for tokens: the credentials were not sent"
                    f" there. If it is right, enter {place[:100]!r} as its token server",
                )
            headers["Authorization"] = basic(self.target.username, self.target.secret)
            query.append(("account", self.target.username))
        url = realm + ("&" if urlsplit(realm).query else "?") + urlencode(query, quote_via=quote)
        answer, body = self.client.fetch("GET", url, headers=headers, limits=LIMITS)
        if answer.status in (400, 401, 403):
            raise RegistryError("auth", f"{place[:100]} refuses these credentials (status {answer.status})")
        if answer.status != 200:
            raise RegistryError("unreachable", f"{place[:100]} gives no token (status {answer.status})")
        return self._keep(body, scope, place)

    def _keep(self, body: bytes, scope: str, place: str) -> str:
        try:
            found = msgspec.json.decode(body, type=Answer)
        except (msgspec.DecodeError, RecursionError) as error:
            raise RegistryError("garbled", f"{place[:100]} answers with something that is no token") from error
        token = found.token or found.access_token or ""
        if not token or not token.isascii() or not token.isprintable():
            raise RegistryError("garbled", f"{place[:100]} answers without a token")
        life = min(max(found.expires_in or LIFE, 0.0), LONGEST_LIFE)
        self._tokens[scope] = (token, time.monotonic() + max(life - EARLY, life / 2))
        return token
