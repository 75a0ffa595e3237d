"""Licences of what the demo images are made of, as their packages state them; of some nothing is told, as in life."""

from __future__ import annotations

# Licences, then the sources that have them.
TABLE = """
GPL-2+: apt base-files dpkg shadow
GPL-3+: bash coreutils tar
GPL-2.0-only: busybox apk-tools alpine-baselayout
GPL-3+, LGPL-3+: gnupg2
GPL-3+ with GCC-exception-3.1: gcc-12 libgcc
GPL-2+, LGPL-2.1+, BSD-3-clause, MIT: util-linux
GPL-2+, LGPL-2+, public-domain: xz-utils
GPL-3, LGPL-2.1+: gnutls28 libtasn1-6
GPL-2, BSD-3-clause: libcap2 pam
LGPL-2.1+: glibc systemd
Artistic, GPL-1+: perl
MPL-2.0 AND MIT: ca-certificates certifi
Apache-2.0: openssl openssl-apk requests aiohttp pyarrow commons-compress commons-text jackson log4j netty snakeyaml
Apache-2.0: spring tomcat
(Apache-2.0 OR BSD-3-Clause): cryptography
MIT: expat expat-apk libxml2 musl nodejs nghttp2 ncurses axios body-parser braces cookie express follow-redirects
MIT: jsonwebtoken lodash micromatch minimist next path-to-regexp react tar-fs undici ws gunicorn pyyaml setuptools
MIT: sqlalchemy urllib3 krb5
ISC: semver
BSD-3-Clause: django idna jinja2 numpy pandas scikit-learn
BSD-2-Clause: postgresql-jdbc
HPND: pillow
Zlib: zlib zlib-apk
curl: curl curl-apk
OLDAP-2.8: openldap
ICU: icu
public-domain: tzdata sqlite3
"""
LICENCES = {
    source: licences.split(", ")
    for licences, sources in (line.split(": ") for line in TABLE.strip().splitlines())
    for source in sources.split()
}
