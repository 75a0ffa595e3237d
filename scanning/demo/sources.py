"""What the demo images are made of, and what is wrong with it: real package names, invented vulnerabilities.

Days count from the day of loading: -1 is yesterday. The identifiers (CVE-2099-…, GHSA-0000-…) exist nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from scanning.demo.dice import pick, roll

# Kind, then per line: source, version of its first release, number of invented vulnerabilities, installed packages.
TABLE = """
deb
apt 2.6.1 1 apt libapt-pkg6.0
base-files 12.4+deb12u9 0 base-files
bash 5.2.15-2 1 bash
coreutils 9.1-1 3 coreutils
curl 7.88.1-10 6 curl libcurl4
dpkg 1.21.22 1 dpkg
expat 2.5.0-1 5 libexpat1
gcc-12 12.2.0-14 1 gcc-12-base libgcc-s1 libstdc++6
glibc 2.36-9 4 libc6 libc-bin
gnupg2 2.2.40-1 1 gpgv
gnutls28 3.7.9-2 3 libgnutls30
krb5 1.20.1-2 5 libgssapi-krb5-2 libk5crypto3 libkrb5-3
libcap2 1:2.66-4 1 libcap2
libtasn1-6 4.19.0-2 1 libtasn1-6
libxml2 2.9.14+dfsg-1.3 6 libxml2
ncurses 6.4-4 2 libtinfo6 ncurses-base
openldap 2.5.13+dfsg-5 2 libldap-2.5-0
openssl 3.0.15-1 6 openssl libssl3
pam 1.5.2-6 1 libpam-modules libpam0g
perl 5.36.0-7 3 perl-base
shadow 1:4.13+dfsg1-1 2 login passwd
sqlite3 3.40.1-2 3 libsqlite3-0
systemd 252.31-1 3 libsystemd0 libudev1
tar 1.34+dfsg-1.2 2 tar
tzdata 2026b-0 0 tzdata
util-linux 2.38.1-5 2 util-linux libblkid1 libmount1 libuuid1
xz-utils 5.4.1-0.2 1 liblzma5
zlib 1:1.2.13.dfsg-1 2 zlib1g
apk
alpine-baselayout 3.7.0-r0 0 alpine-baselayout
apk-tools 2.14.9-r2 0 apk-tools
busybox 1.37.0-r18 3 busybox ssl_client
ca-certificates 20260413-r0 0 ca-certificates-bundle
curl-apk 8.14.1-r1 3 curl libcurl
expat-apk 2.7.1-r0 2 libexpat
icu 76.1-r1 1 icu-libs
libgcc 14.2.0-r6 0 libgcc
musl 1.2.5-r10 1 musl musl-utils
nghttp2 1.65.0-r0 2 nghttp2-libs
nodejs 22.16.0-r2 4 nodejs
openssl-apk 3.5.1-r0 4 libcrypto3 libssl3
zlib-apk 1.3.1-r2 1 zlib
npm
axios 1.7.2 3 axios
body-parser 1.20.2 1 body-parser
braces 3.0.2 1 braces
cookie 0.6.0 1 cookie
express 4.19.2 2 express
follow-redirects 1.15.6 1 follow-redirects
jsonwebtoken 9.0.2 1 jsonwebtoken
lodash 4.17.20 3 lodash
micromatch 4.0.7 1 micromatch
minimist 1.2.8 0 minimist
next 14.2.4 4 next
path-to-regexp 0.1.7 2 path-to-regexp
react 18.3.1 0 react
semver 7.6.2 1 semver
tar-fs 3.0.5 1 tar-fs
undici 6.19.2 2 undici
ws 8.17.0 1 ws
pypi
aiohttp 3.9.5 3 aiohttp
certifi 2024.6.2 1 certifi
cryptography 42.0.5 3 cryptography
django 5.0.6 5 Django
gunicorn 22.0.0 1 gunicorn
idna 3.7 0 idna
jinja2 3.1.4 2 Jinja2
numpy 1.26.4 0 numpy
pandas 2.2.2 0 pandas
pillow 10.3.0 3 Pillow
pyarrow 15.0.0 1 pyarrow
pyyaml 6.0.1 1 PyYAML
requests 2.31.0 2 requests
scikit-learn 1.4.2 1 scikit-learn
setuptools 69.5.1 1 setuptools
sqlalchemy 2.0.30 0 SQLAlchemy
urllib3 2.2.1 2 urllib3
maven
commons-compress 1.26.0 1 org.apache.commons:commons-compress
commons-text 1.11.0 0 org.apache.commons:commons-text
jackson 2.17.0 3 com.fasterxml.jackson.core:jackson-databind com.fasterxml.jackson.core:jackson-core
log4j 2.23.0 2 org.apache.logging.log4j:log4j-core org.apache.logging.log4j:log4j-api
netty 4.1.108 4 io.netty:netty-handler io.netty:netty-codec-http2
postgresql-jdbc 42.7.2 1 org.postgresql:postgresql
snakeyaml 2.2 1 org.yaml:snakeyaml
spring 6.1.6 4 org.springframework:spring-web org.springframework:spring-core
tomcat 10.1.24 5 org.apache.tomcat.embed:tomcat-embed-core
golang
go-pq v1.10.9 0 github.com/lib/pq
go-prometheus v1.20.4 0 github.com/prometheus/client_golang
go-uuid v1.6.0 0 github.com/google/uuid
"""
KINDS = frozenset({"deb", "apk", "npm", "pypi", "maven", "golang"})
SEVERITIES = ("critical", *["high"] * 5, *["medium"] * 10, *["low"] * 7)
SCORES = {"critical": 91, "high": 71, "medium": 43, "low": 21}
WEAKNESSES = (
    "out-of-bounds read while parsing a crafted input",
    "heap buffer overflow in a length calculation",
    "use after free when a connection is closed early",
    "unbounded memory use on a crafted request",
    "quadratic run time on nested input",
    "missing check of a certificate's name",
    "path traversal through an archive member",
    "header injection by a line break in a value",
    "integer overflow on 32-bit lengths",
    "timing difference that reveals a secret",
)
UNFIXED = ("affected", "affected", "affected", "fix_deferred", "will_not_fix")
WINDOW = 56


@dataclass(frozen=True, slots=True)
class Flaw:
    """An invented vulnerability: known from day `disclosed`, gone from version number `fixed` on (None: no fix)."""

    cve: str
    ghsa: str
    severity: str
    score: float
    title: str
    disclosed: int
    fixed: int | None
    status: str


@dataclass(frozen=True, slots=True)
class Source:
    """Something with versions: a distribution's source package, a library."""

    name: str
    kind: str
    installed: tuple[str, ...]
    versions: tuple[tuple[int, str], ...]  # (day of release, version), oldest first
    flaws: tuple[Flaw, ...]

    def version_at(self, day: int) -> int:
        """Number of the newest version that was out on `day`."""
        return max(number for number, (out, _) in enumerate(self.versions) if out <= day or number == 0)


@cache
def sources() -> dict[str, Source]:
    """Everything in the table, by name."""
    found: dict[str, Source] = {}
    kind, serial = "", 1000
    for line in TABLE.strip().splitlines():
        if line in KINDS:
            kind = line
            continue
        name, first, amount, *installed = line.split()
        versions = _versions(name, kind, first, int(amount))
        flaws = tuple(_flaw(name, kind, versions, serial + number) for number in range(int(amount)))
        serial += int(amount)
        # The same source is packaged by several distributions.
        found[name] = Source(name.removesuffix("-apk"), kind, tuple(installed), versions, flaws)
    return found


def _versions(name: str, kind: str, first: str, flaws: int) -> tuple[tuple[int, str], ...]:
    """The first version is old; what has flaws was released again in the last weeks."""
    later = min(3, roll(2, name, "releases") + flaws // 2) if flaws else 0
    days = sorted({-(WINDOW - 2) + roll(WINDOW - 3, name, "release", number) for number in range(later)})
    return ((-500, first), *((day, _bump(first, kind, number)) for number, day in enumerate(days, 1)))


def _bump(first: str, kind: str, step: int) -> str:
    """The version of the `step`th later release, written as its kind does."""
    if kind == "deb":
        return f"{first}+deb12u{step}"
    head, dot, tail = first.rpartition("-r" if kind == "apk" else ".")
    return f"{head}{dot}{int(tail) + step}"


def _flaw(name: str, kind: str, versions: tuple[tuple[int, str], ...], serial: int) -> Flaw:
    severity = pick(SEVERITIES, name, serial, "severity")
    fresh = roll(5, name, serial, "fresh") < 2
    disclosed = -(1 + roll(WINDOW, name, serial, "day")) - (0 if fresh else WINDOW + 100)
    later = [number for number, (day, _) in enumerate(versions) if day >= disclosed and number > 0]
    fixed = pick(later, name, serial, "fix") if later and roll(4, name, serial, "fixed") else None
    return Flaw(
        cve=f"CVE-2099-{serial}",
        ghsa="" if kind in ("deb", "apk") else f"GHSA-0000-0000-{serial}",
        severity=severity,
        score=(SCORES[severity] + roll(8, name, serial, "score")) / 10,
        title=f"{name.removesuffix('-apk')}: {pick(WEAKNESSES, name, serial)}",
        disclosed=disclosed,
        fixed=fixed,
        status="fixed" if fixed else pick(UNFIXED, name, serial, "status"),
    )
