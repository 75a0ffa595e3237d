"""As whom PostgreSQL runs: it refuses to run as root, and we may be root (in a container, on a new server)."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

from governance.local.process import wrap

REACHABLE = 'test -x "$0" && test -w "$1"'


def unprivileged() -> pwd.struct_passwd:
    """Return an account that is not root: `nobody`, else the first other one there is."""
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        return next(entry for entry in pwd.getpwall() if entry.pw_uid > 0)


def namespace_works(uid: int, binary: Path, directory: Path) -> bool:
    """Say whether we can be `uid` in a user namespace and still reach the program and write the directory."""
    if not hasattr(os, "unshare"):
        return False
    probe = wrap(["/bin/sh", "-c", REACHABLE, str(binary), str(directory)], f"namespace:{uid}", 0)
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0  # noqa: S603 - our own command


def choose(binary: Path, directory: Path) -> str:
    """Return the identity (see child.py) for a server whose data is, or will be, in `directory`.

    As an ordinary user that is ourselves. As root it is a user namespace, where files stay root's; where that is
    forbidden, or where the data already belongs to somebody, it is that user.
    """
    if os.geteuid() != 0:
        return "same"
    owner = directory.stat()
    account = unprivileged()
    if owner.st_uid != 0:
        return f"user:{owner.st_uid}:{owner.st_gid}"
    if sys.platform == "linux" and namespace_works(account.pw_uid, binary, directory):
        return f"namespace:{account.pw_uid}"
    return f"user:{account.pw_uid}:{account.pw_gid}"


def give(directory: Path, identity: str) -> None:
    """Hand a directory and all in it to the user of a `user:UID:GID` identity; nothing to do for the others."""
    kind, *numbers = identity.split(":")
    if kind != "user":
        return
    uid, gid = int(numbers[0]), int(numbers[1])
    if directory.stat().st_uid == uid:
        return
    for path in [*directory.rglob("*"), directory]:
        os.chown(path, uid, gid, follow_symlinks=False)
