"""Licences by name: identifiers of the SPDX licence list (3.25) that packages of images carry, and other spellings."""

from __future__ import annotations

# Versions that exist; `GPL-2` and `GPL-2.0` mean that version only (deprecated identifiers of the SPDX list).
GNU = {
    *(("GPL", version) for version in ("1.0", "2.0", "3.0")),
    *(("LGPL", version) for version in ("2.0", "2.1", "3.0")),
    *(("AGPL", version) for version in ("1.0", "3.0")),
    *(("GFDL", version) for version in ("1.1", "1.2", "1.3")),
}
IDENTIFIERS = """
0BSD AFL-2.0 AFL-2.1 AFL-3.0 Apache-1.0 Apache-1.1 Apache-2.0 Artistic-1.0 Artistic-1.0-Perl Artistic-1.0-cl8
Artistic-2.0 BSD-1-Clause BSD-2-Clause BSD-2-Clause-Patent BSD-2-Clause-Views BSD-3-Clause BSD-3-Clause-Clear
BSD-3-Clause-LBNL BSD-4-Clause BSD-4-Clause-UC BSD-4.3TAHOE BSD-Source-Code BSL-1.0 Beerware BlueOak-1.0.0 CC-BY-3.0
CC-BY-4.0 CC-PDDC CC0-1.0 ClArtistic ECL-2.0 EFL-2.0 FSFAP FSFUL FSFULLR FSFULLRWD FTL HPND HPND-sell-variant ICU IJG
ISC Info-ZIP JSON Libpng MIT MIT-0 MIT-CMU MIT-Modern-Variant MS-PL MulanPSL-2.0 NAIST-2003 NCSA NTP NetCDF Nokia
OFL-1.1 OLDAP-2.8 OpenSSL PHP-3.0 PHP-3.01 PSF-2.0 PostgreSQL Python-2.0 Python-2.0.1 Ruby SMLNJ SSH-OpenSSH
Spencer-94 TCL TCP-wrappers Unicode-3.0 Unicode-DFS-2015 Unicode-DFS-2016 Unicode-TOU Unlicense UPL-1.0 Vim W3C WTFPL
X11 Xnet ZPL-2.0 ZPL-2.1 Zlib bcrypt-Solar-Designer blessing bzip2-1.0.6 curl dtoa libpng-2.0 libtiff mpich2
zlib-acknowledgement
"""
# Other licences are told by their family (`licences.FAMILIES`); these are here for their spelling.
BINDING = """
MPL-1.0 MPL-1.1 MPL-2.0 MPL-2.0-no-copyleft-exception EPL-1.0 EPL-2.0 CDDL-1.0 CDDL-1.1 CPL-1.0 IPL-1.0 APSL-2.0 MS-RL
SSPL-1.0 BUSL-1.1 Elastic-2.0 EUPL-1.1 EUPL-1.2 OSL-3.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC-BY-NC-4.0 QPL-1.0 Sleepycat
CECILL-2.1 CECILL-C
"""
SPELLINGS = {
    "expat": "MIT",
    "expat license": "MIT",
    "mit license": "MIT",
    "the mit license": "MIT",
    "the mit license (mit)": "MIT",
    "mit/x11": "MIT",
    "mit-license": "MIT",
    "https://opensource.org/licenses/mit": "MIT",
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache2": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "asl 2.0": "Apache-2.0",
    "apache-2.0 license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "the apache license, version 2.0": "Apache-2.0",
    "the apache software license, version 2.0": "Apache-2.0",
    "https://www.apache.org/licenses/license-2.0": "Apache-2.0",
    "http://www.apache.org/licenses/license-2.0": "Apache-2.0",
    "http://www.apache.org/licenses/license-2.0.txt": "Apache-2.0",
    "https://www.apache.org/licenses/license-2.0.txt": "Apache-2.0",
    "bsd-2": "BSD-2-Clause",
    "bsd-3": "BSD-3-Clause",
    "bsd3": "BSD-3-Clause",
    "x-11": "X11",
    "artistic-2": "Artistic-2.0",
    "beer-ware": "Beerware",
    "new bsd license": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "the bsd 3-clause license": "BSD-3-Clause",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "zlib/libpng": "zlib-acknowledgement",
    "boost": "BSL-1.0",
    "boost-1.0": "BSL-1.0",
    "cc0": "CC0-1.0",
    "psfl": "PSF-2.0",
    "psf-2": "PSF-2.0",
    "python": "Python-2.0",
    "python software foundation license": "PSF-2.0",
    "public domain": "public-domain",
    "public-domain": "public-domain",
    "artistic": "Artistic-1.0-Perl",
    "openldap": "OLDAP-2.8",
    "mpl 2.0": "MPL-2.0",
    "epl 1.0": "EPL-1.0",
    "epl 2.0": "EPL-2.0",
    "mplv2.0": "MPL-2.0",
    "mozilla public license 2.0": "MPL-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "eclipse public license 1.0": "EPL-1.0",
    "eclipse public license 2.0": "EPL-2.0",
    "eclipse public license - v 2.0": "EPL-2.0",
    "eclipse public license v2.0": "EPL-2.0",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "gnu general public license v2 or later (gplv2+)": "GPL-2.0-or-later",
    "gnu general public license v3 (gplv3)": "GPL-3.0-only",
    "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
    "gnu lesser general public license v2 or later (lgplv2+)": "LGPL-2.0-or-later",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "gnu lesser general public license v3 or later (lgplv3+)": "LGPL-3.0-or-later",
    "gnu affero general public license v3": "AGPL-3.0-only",
    "gnu affero general public license v3 or later (agplv3+)": "AGPL-3.0-or-later",
    "gpl+": "GPL-1.0-or-later",
    "lgpl+": "LGPL-2.0-or-later",
    # No version is said: the family alone.
    "gpl": "GPL",
    "lgpl": "LGPL",
    "agpl": "AGPL",
    "bsd": "BSD",
    "bsd license": "BSD",
}
ALIASES = {name.lower(): name for name in (*IDENTIFIERS.split(), *BINDING.split())} | SPELLINGS
# Permissive although SPDX does not list them.
NEXT_OF_KIN = frozenset({"BSD", "public-domain", "LicenseRef-public-domain"})
