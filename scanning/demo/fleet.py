"""Which images the demo company builds, on what, when, and where they run."""

from __future__ import annotations

from dataclasses import dataclass

HOST = "registry.demo.example"
TEAMS = ("platform", "shop", "payments", "data")


@dataclass(frozen=True, slots=True)
class Distro:
    """The operating system as scanners name it; without a version it is that of the build's first tag."""

    family: str
    version: str = ""
    end_of_life: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the build that makes a layer, and the sources it installs."""

    command: str
    sources: str = ""
    megabytes: int = 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a repository's images are made. `builds` maps days (0 is today) to tags."""

    repository: str
    team: str
    steps: tuple[Step, ...]
    builds: dict[int, str]
    distro: Distro | None = None
    parent: str = ""
    # Days that the parent used is older than the newest one: someone pinned it and forgot.
    behind: int = 0
    # Namespace it is deployed to; nothing for what only others build on.
    runs: str = ""
    arm: bool = False
    # Its team has stated of everything found in it that it is not affected.
    aside: bool = False


DEBIAN = (
    "apt base-files bash coreutils dpkg gcc-12 glibc gnupg2 gnutls28 libcap2 libtasn1-6 ncurses openssl pam perl shadow"
    " systemd tar tzdata util-linux xz-utils zlib"
)
ALPINE = "alpine-baselayout apk-tools busybox ca-certificates musl openssl-apk zlib-apk"
UBUNTU = DEBIAN.replace("gnutls28 ", "") + " krb5"

BASES = (
    Recipe(
        "base/debian",
        "platform",
        (Step("# debian.sh --arch 'amd64' out/ 'bookworm'", DEBIAN, 74),),
        {-56: "12.8", -35: "12.9", -14: "12.10 12"},
        Distro("debian"),
    ),
    Recipe(
        "base/alpine",
        "platform",
        (Step("ADD alpine-minirootfs.tar.gz / # buildkit", ALPINE, 8),),
        {-55: "3.22.0", -33: "3.22.1", -9: "3.22.2 3.22"},
        Distro("alpine"),
    ),
    Recipe(
        "base/ubuntu",
        "platform",
        (Step("ADD file:ubuntu-noble-oci-amd64-root.tar.gz in /", UBUNTU, 78),),
        {-56: "24.04-1", -30: "24.04-2", -10: "24.04-3 24.04"},
        Distro("ubuntu", "24.04"),
    ),
    Recipe(
        "base/distroless",
        "platform",
        (Step("bazel build //static:static_nonroot", "base-files tzdata", 2),),
        {-52: "12-1", -12: "12-2 12"},
        Distro("debian", "12.10"),
    ),
)
RUNTIMES = (
    Recipe(
        "runtime/python",
        "platform",
        (
            Step(
                "RUN apt-get install -y --no-install-recommends curl libsqlite3-0",
                "curl expat krb5 openldap sqlite3",
                22,
            ),
            Step("COPY --from=build /usr/local /usr/local # buildkit", "setuptools", 48),
        ),
        {-55: "3.12-1", -34: "3.12-2", -13: "3.12-3 3.12"},
        parent="base/debian",
    ),
    Recipe(
        "runtime/node",
        "platform",
        (Step("RUN apk add --no-cache nodejs", "nodejs icu libgcc nghttp2 expat-apk curl-apk", 61),),
        {-54: "22-1", -32: "22-2", -20: "22-3", -8: "22-4 22"},
        parent="base/alpine",
    ),
    Recipe(
        "runtime/java",
        "platform",
        (Step("RUN apt-get install -y openjdk-21-jre-headless", "expat libxml2", 190),),
        {-55: "21-1", -29: "21-2", -9: "21-3 21"},
        parent="base/ubuntu",
    ),
)
PYTHON_WEB = "django gunicorn certifi idna jinja2 pillow requests sqlalchemy urllib3 cryptography"
NODE_WEB = (
    "axios body-parser braces cookie express follow-redirects jsonwebtoken lodash micromatch minimist semver undici"
)
JAVA_WEB = "commons-text jackson log4j netty postgresql-jdbc snakeyaml spring tomcat"
PIP = "RUN pip install --no-cache-dir -r requirements.txt"
APPS = (
    Recipe(
        "shop/storefront",
        "shop",
        (
            Step("RUN npm ci --omit=dev", f"{NODE_WEB} next path-to-regexp react", 180),
            Step("COPY .next .next # buildkit"),
        ),
        {-53: "5.0.0", -46: "5.1.0", -38: "5.1.1", -31: "5.2.0", -24: "5.3.0", -12: "5.4.0", -3: "5.4.1 stable"},
        parent="runtime/node",
        runs="shop",
    ),
    Recipe(
        "shop/checkout",
        "shop",
        (Step(PIP, PYTHON_WEB, 96), Step("COPY src /app # buildkit")),
        {-54: "2.11.0", -43: "2.12.0", -33: "2.12.1", -22: "2.13.0", -11: "2.13.1", -2: "2.14.0 stable"},
        parent="runtime/python",
        runs="shop",
    ),
    Recipe(
        "payments/gateway",
        "payments",
        (Step("COPY --from=build /gateway /usr/bin/gateway # buildkit", "go-pq go-prometheus go-uuid", 24),),
        {-50: "0.8.0", -36: "0.8.1", -11: "0.9.0", -4: "0.9.1 stable"},
        parent="base/distroless",
        runs="payments",
        arm=True,
    ),
    Recipe(
        "payments/ledger",
        "payments",
        (
            Step("COPY target/lib /app/lib # buildkit", JAVA_WEB, 84),
            Step("COPY target/ledger.jar /app/app.jar # buildkit", "", 6),
        ),
        {-54: "7.2.0", -41: "7.3.0", -28: "7.4.0", -15: "7.4.1", -6: "7.5.0 stable"},
        parent="runtime/java",
        runs="payments",
    ),
    Recipe(
        "payments/fraud-score",
        "payments",
        (
            Step(PIP, "numpy pandas scikit-learn aiohttp certifi idna pyyaml requests urllib3", 410),
            Step("COPY model /app/model", "", 35),
        ),
        {-52: "1.3.0", -37: "1.4.0", -19: "1.4.1", -5: "1.5.0 stable"},
        parent="runtime/python",
        behind=20,
        runs="payments",
    ),
    Recipe(
        "data/pipeline",
        "data",
        (
            Step(PIP, "aiohttp certifi idna numpy pandas pyarrow pyyaml requests urllib3", 320),
            Step("COPY jobs /app/jobs"),
        ),
        {-51: "2026.40", -44: "2026.41", -30: "2026.43", -16: "2026.45", -7: "2026.46 stable"},
        parent="runtime/python",
        runs="data",
    ),
    Recipe(
        "data/warehouse-sync",
        "data",
        (
            Step("COPY target/lib /app/lib # buildkit", f"{JAVA_WEB} commons-compress", 90),
            Step("COPY target/sync.jar /app/app.jar"),
        ),
        {-48: "3.0.0", -26: "3.1.0", -10: "3.2.0 stable"},
        parent="runtime/java",
        behind=30,
    ),
    Recipe(
        "data/reports-archive",
        "data",
        (
            Step("# debian.sh --arch 'amd64' out/ 'buster'", "apt bash coreutils dpkg glibc openssl perl zlib", 69),
            Step("COPY reports /srv/reports", "", 40),
        ),
        {-730: "1.0"},
        Distro("debian", "10.13", end_of_life=True),
        runs="data",
    ),
    # What nobody scanned well: one of unknown make, one whose only scan failed, one whose system the scanner does not
    # support, one of which all that was found was set aside.
    Recipe("data/experiments", "data", (Step("COPY tiny /tiny", "", 3),), {-18: "tiny-0.1"}),
    Recipe("data/experiments", "data", (Step("COPY export /export", "", 5),), {-17: "export-0.9"}, runs="data"),
    Recipe(
        "data/experiments",
        "data",
        (Step("ADD fedora.tar.xz / # buildkit", "", 66),),
        {-15: "lab-0.2"},
        Distro("fedora", "42"),
    ),
    Recipe("data/experiments", "data", (Step(PIP, PYTHON_WEB, 96),), {-6: "client-1.1"}, aside=True),
)
RECIPES = (*BASES, *RUNTIMES, *APPS)
