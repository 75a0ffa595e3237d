"""Values that break programs: what PostgreSQL refuses, what parsers choke on, what a page must not believe."""

from __future__ import annotations

import random

from tests.fuzz.tree import Raw

# Texts that no JSON encoder of ours would write; put into the document as they stand.
RAW = [
    *(r'"\ud800"', r'"\udfff\ud800"', r'"a\udc00b"', r'"\u0000"', r'"a\u0000b"', '"\x01"', '"tab\tinside"', '"\x7f"'),
    *(
        "1" + "0" * 400,
        "-1" + "0" * 400,
        "9" * 5000,
        "1e200000",
        "-1e200000",
        "1e-400",
        "1E400",
        "0e999999999",
        "1.",
        ".5",
    ),
    *("NaN", "Infinity", "-Infinity", "-0", "-0.0", "00", "+1"),
    *("0x10", "1_000", "True", "nul", "undefined", "'x'", ""),
    *("[" * 63 + "]" * 63, "[" * 65 + "]" * 65, "[" * 10_000 + "]" * 10_000, '{"a":' * 2000 + "1" + "}" * 2000),
    *("[" * 10_000, '{"a":' * 300, "]", "}", ",", '{"a":1,"a":2}', '{"":1,"":1}', '{"a":1,}', "[1,]", "/**/1"),
]
NUMBERS = [
    *(0, -1, 1, 2, 7, 2**15, 2**16, 2**31, -(2**31) - 1, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1),
    *(0.1, -0.5, 1.5, 10.0, 10.000001, 1e17, 1e300, 5e-324, 253402300800, 1e12, -62135596801),
]
TEXTS = [
    *("", " ", "\x00", "null", "None", "true", "0", "-1", "unknown", "latest", "a" * 255, "a" * 256, "a" * 300),
    *("a" * 5_000, "ß" * 3_000, "\U0001f600" * 1_500, "\ufeff"),
    *("\u202e\u202dabc", "\u2066", "\u200b", "\u0085", "\u2028"),
    *("e\u0301" * 400, "\ufdfa" * 50, "\x1b[31m", "a\r\nb: c", "%s%n%d", "{0.__class__}", "{{ 7*7 }}", "${jndi:x}"),
    *("' OR 1=1 --", "\\", '"', "'", "`", "\\x00", "\\u0000"),
    *("$$", "%", "_", "*", "(", "a(b", "[a-", "../../etc/passwd"),
    *("=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", '=HYPERLINK("http://a.example")', "|calc"),
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'),
    *("javascript:alert(1)", "data:text/html,x", "//a.example"),
    *("http://[::1", "http://a.example:99999/", "https://user:secret@a.example/"),
    *("https://a.example/\x00", "https://a b/"),
    *("0000-00-00T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    *("10000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-13-01", "2026-08-20T25:61:61Z", "2026-08-20T09:30:60Z"),
    *("2026-08-20T09:30:00.1234567890123456789Z", "2026-08-20 09:30:00", "2026-08-20T09:30:00+99:99", "2026-W34-4"),
    *("Thu Aug 20 09:30:00 UTC 2026", "1787218200", "-1", "1e400", "20260820", "2999-01-01T00:00:00Z", "1970-01-01"),
    *("sha256:", "sha256:" + "x" * 64, "sha256:" + "0" * 63),
    *("sha256:" + "A" * 64, "SHA256:" + "ab" * 32, "sha256:xxxx…"),
    *("ab" * 32, "sha512:" + "0" * 128, "sha256:" + "0" * 64),
    *("md5:" + "0" * 32, "@sha256:" + "1" * 64, "sha256:****"),
    *("a@sha256:" + "2" * 64, "a:b@sha256:zz", "docker.io/library/alpine"),
    *("index.docker.io/alpine:3", "A/b:c", ":", "/", "@"),
    *("registry.example:99999999/a", "a//b", "a/" * 130),
    *("registry.example/" + "a" * 300 + ":1", "-a", "a:" + "t" * 129),
    *("pkg:", "pkg:deb", "pkg:deb/a", "pkg:deb/debian/a@"),
    *("pkg:deb/%00/%ff@%", "pkg:npm/%40a/b@1?x=%zz#", "pkg:/a/b@1"),
    *("pkg:maven/" + "a/" * 500 + "b@1", "pkg:golang/" + "%2f" * 700),
    *("cpe:2.3:a:*:*:*:*:*:*:*:*:*:*", "cpe:/a", "cpe:2.3:" + ":" * 50),
    *("CVE-", "cve-2099-0001", "CVE-2099-" + "9" * 200),
    *("CVE-2099-0001 CVE-2099-0002", "CVE-2099-0001,GHSA-", "GHSA-" + "x" * 300),
    *("CRITICAL", "critical ", "Crit\u0130cal", "HIGH/LOW", "10.0", "11"),
    *("-3", "9.8 (CVSS)", "CVSS:3.1/AV:N", "CVSS:3.1/" + "AV:N/" * 500),
]  # fmt: skip


def value(chance: random.Random) -> object:
    """One of them, of any kind."""
    kind = chance.random()
    if kind < 0.12:
        return Raw(chance.choice(RAW))
    if kind < 0.3:
        return chance.choice(NUMBERS)
    if kind < 0.85:
        return chance.choice(TEXTS)
    if kind < 0.87:
        # Too random to be compressed: an index on such a text has no room for it.
        return "".join(chr(chance.randrange(0x20, 0x3000)) for _ in range(5_000))
    return chance.choice([None, True, False, [], [None], [[]], [""], ["a", 1, None]])
