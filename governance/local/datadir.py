"""The data directory: who may use it, what lies where, its secrets, its lock and the note of the running instance."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance.local.problem import Problem
from governance.local.sockets import make_directory

# Bytes that must be free: a first start writes a cluster, a later one little but must not stop half-way.
FREE_FIRST, FREE_LATER = 400 * 2**20, 100 * 2**20
# A log longer than this many bytes is put aside when its program starts.
LOG_LIMIT = 10 * 2**20


@dataclass(frozen=True)
class DataDirectory:
    """Names of everything below one data directory (absolute)."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def note(self) -> Path:
        return self.root / "instance.json"

    @property
    def first_run(self) -> Path:
        return self.root / "first-run-done"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def static(self) -> Path:
        return self.root / "static"

    def secret(self, name: str) -> Path:
        """Return the file of a secret."""
        return self.root / "secrets" / name

    def log(self, name: str) -> Path:
        """Return the log file of a program, after putting a long earlier one aside as NAME.log.1."""
        path = self.root / "logs" / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        return path


def open_directory(root: Path) -> DataDirectory:
    """Make the data directory if needed (0700) and check it; Problem when it cannot be used."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("logs", "secrets"):
            (root / name).mkdir(mode=0o700, exist_ok=True)
        probe = root / ".writable"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise Problem(refusal(root, error)) from error
    data = DataDirectory(root.resolve())
    needed = FREE_LATER if data.postgres.exists() else FREE_FIRST
    free = shutil.disk_usage(root).free
    if free < needed:
        raise Problem(
            f"Only {free // 2**20} MB are free where {root} lies and {needed // 2**20} MB are needed: free some space, "
            "or set PORTWARDEN_DATA to a directory on another disk."
        )
    return data


def refusal(root: Path, error: OSError) -> str:
    """Say in one sentence why a data directory cannot be used."""
    reason = (error.strerror or str(error)).lower()
    return f"{root} cannot be written ({reason}): make it yours, or set PORTWARDEN_DATA to a directory that is."


def secret(data: DataDirectory, name: str) -> Path:
    """Return the file of a secret (0600), made of 48 random bytes on the first run."""
    path = data.secret(name)
    if not path.exists():
        write_private(path, base64.urlsafe_b64encode(secrets.token_bytes(48)).decode())
    return path


def encryption_key(data: DataDirectory) -> Path:
    """Return the file of the key for secrets at rest (0600): 32 random bytes, URL-safe base64."""
    path = data.secret("encryption_key")
    if not path.exists():
        write_private(path, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file only we may read, complete or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def try_lock(data: DataDirectory) -> int | None:
    """Take the lock of the data directory and return its descriptor, None when somebody else holds it."""
    descriptor = os.open(data.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def holder(data: DataDirectory) -> int:
    """Return the process id that last took the lock, 0 when unknown."""
    try:
        return int(data.lock.read_text())
    except (OSError, ValueError):
        return 0


def read_note(data: DataDirectory) -> dict[str, Any]:
    """Return the note of the running instance, empty without a whole one."""
    try:
        note = json.loads(data.note.read_text())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def write_note(data: DataDirectory, note: dict[str, Any]) -> None:
    """Write the note of the running instance: its address and the environment its programs were given."""
    write_private(data.note, json.dumps(note))


def socket_directory(data: DataDirectory) -> Path:
    """Return a new private directory for sockets, after removing the one an earlier start left behind."""
    record = data.root / "sockets"
    if record.exists():
        forget_sockets(data)
    directory = make_directory()
    write_private(record, str(directory))
    return directory


def forget_sockets(data: DataDirectory) -> None:
    """Remove the recorded socket directory, if it is still one of ours."""
    record = data.root / "sockets"
    try:
        old = Path(record.read_text())
    except OSError:
        return
    if old.name.startswith("pw-") and old.is_dir() and not old.is_symlink():
        shutil.rmtree(old, ignore_errors=True)
    record.unlink(missing_ok=True)
