"""The order of versions by each ecosystem's own rules.

`univers` where it is right. Ours: Alpine (it refuses `_git`, `~hash` and leading zeros, and its `<=` compares texts)
and Packagist (it takes `beta10` for older than `beta2`, and patch levels for pre-releases).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from packaging.version import Version
from univers import debian, gem, maven, nuget, rpm
from univers.versions import SemverVersion

# No version of a real package is longer, and comparing hostile ones must not take long.
LONGEST = 200
PLAIN = re.compile(r"[!-~]+")

SUFFIXES = {"alpha": -4, "beta": -3, "pre": -2, "rc": -1, "cvs": 1, "svn": 2, "git": 3, "hg": 4, "p": 5}
APK = re.compile(r"(\d+(?:\.\d+)*)([a-z]?)((?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)\d*)*)(?:~[0-9a-f]+)?(?:-r(\d+))?")
APK_SUFFIX = re.compile(r"_([a-z]+)(\d*)")
STABILITY = {"dev": -4, "alpha": -3, "a": -3, "beta": -2, "b": -2, "rc": -1, "": 0, "stable": 0, "patch": 1}
STABILITY |= {"pl": 1, "p": 1}
COMPOSER = re.compile(
    r"v?(\d+(?:\.\d+){0,3})(?:[._-]?(dev|alpha|a|beta|b|rc|stable|patch|pl|p)(?:[.-]?(\d+))?)?(?:\+.*)?"
)
RELEASED = re.compile(r"[.-]release$", re.IGNORECASE)


def _apk(text: str) -> object:
    """Alpine (apk-tools, `src/version.c`): a number with a leading zero is a fraction."""
    found = APK.fullmatch(text)
    if not found:
        raise ValueError(text)
    numbers = tuple((0, part) if part.startswith("0") else (1, int(part)) for part in found[1].split("."))
    first = (1, int(found[1].partition(".")[0]))
    suffixes = [(SUFFIXES[word], int(number or 0)) for word, number in APK_SUFFIX.findall(found[3])]
    return (first, *numbers[1:]), found[2], (*suffixes, (0, 0)), int(found[4] if found[4] is not None else -1)


def _composer(text: str) -> object:
    """Packagist (composer/semver, `VersionParser::normalize`); branches have no order."""
    found = COMPOSER.fullmatch(text.lower())
    if not found:
        raise ValueError(text)
    numbers = [int(part) for part in found[1].split(".")]
    return (*numbers, *[0] * (4 - len(numbers))), STABILITY[found[2] or ""], int(found[3] or 0)


def _semver(text: str) -> object:
    """Semantic Versioning 2.0.0: build metadata has no part in the order."""
    text = text.removeprefix("go").removeprefix("v").partition("+")[0]
    value = SemverVersion(text).value
    if value.build:
        # What univers makes of a fourth number.
        raise ValueError(text)
    return value


def _gem(text: str) -> object:
    """RubyGems: what follows a hyphen is the platform that the gem was built for."""
    read: Callable[[str], object] = gem.GemVersion
    return read(text.partition("-")[0])


def _maven(text: str) -> object:
    """Maven (`ComparableVersion`): the word `release` says nothing, and univers does not know that."""
    read: Callable[[str], object] = maven.Version
    return read(RELEASED.sub("", text))


SCHEMES: dict[str, Callable[[str], Any]] = {
    "apk": _apk,
    "composer": _composer,
    "deb": debian.Version.from_string,
    "gem": _gem,
    "maven": _maven,
    "nuget": nuget.Version.from_string,
    "pypi": Version,
    "rpm": rpm.RpmVersion.from_string,
    "semver": _semver,
}


@lru_cache(maxsize=1 << 16)
def order(scheme: str, text: str) -> Any | None:
    """What compares by `<` with others of its scheme; None for what is no version by the scheme's rules."""
    if len(text) > LONGEST or not PLAIN.fullmatch(text):
        return None
    try:
        return SCHEMES[scheme](text)
    except (ValueError, TypeError, AttributeError, IndexError, nuget.InvalidNuGetVersion):
        return None


@lru_cache(maxsize=1 << 12)
def plain(scheme: str, text: str) -> str:
    """The spelling by which a version is looked for in a list of versions."""
    if scheme == "pypi":
        found = order(scheme, text)
        return str(found) if found is not None else text
    return text.removeprefix("v") if scheme in ("semver", "composer") else text
