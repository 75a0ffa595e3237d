"""Started between the supervisor and a program: ties the program's life to the supervisor's, then becomes it.

Run as a file of its own (`python -I -S child.py PARENT SIGNAL IDENTITY PROGRAM ARGUMENT…`), so that nothing has to run
between fork and exec in a process that may have threads. IDENTITY is one of

- `same`: the program runs as who we are;
- `namespace:UID`: in a user namespace in which we, root, are UID (PostgreSQL refuses to run as root);
- `user:UID:GID`: as that user, for machines that forbid user namespaces; the user keeps the right to pass directories
  closed to others, because a checkout of root's is usually in one.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def enter_namespace(uid: int) -> None:
    """Become `uid` in a user namespace of our own; OSError where the machine forbids it (Linux only)."""
    gid = 65534
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    os.unshare(os.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1")


def become(uid: int, gid: int) -> None:
    """Become another user but keep, on Linux, the right to pass directories closed to others."""
    linux = sys.platform == "linux"
    if linux:
        _libc().prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if linux:
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        bit = 1 << CAP_DAC_OVERRIDE
        # Two triples (low and high 32 capabilities) of effective, permitted, inheritable.
        data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        _libc().capset(header, data)
        _libc().prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def take_identity(identity: str) -> None:
    """Apply IDENTITY as the module describes it."""
    kind, *numbers = identity.split(":")
    if kind == "namespace":
        enter_namespace(int(numbers[0]))
    elif kind == "user":
        become(int(numbers[0]), int(numbers[1]))


def main(arguments: list[str]) -> None:
    """Tie, change identity, become the program; ends with 126 where that is not allowed."""
    parent, signal_number, identity, *command = arguments
    try:
        take_identity(identity)
    except OSError as error:
        sys.stderr.write(f"cannot become {identity}: {error}\n")
        sys.exit(126)
    if sys.platform == "linux" and signal_number != "0":
        # After the change of identity, which clears it.
        _libc().prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != int(parent):
            sys.exit(125)
    os.execv(command[0], command)  # noqa: S606 - a list, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
