"""What stands between a container and the host's kernel, by the names that runtimes and RuntimeClasses have.

Names are the operators' choice (a handler called `secure` may be anything), so what is not known stays unknown.
"""

from __future__ import annotations

from governance.runtime.models import Running

Sandbox = Running.Sandbox
# Beginnings of the last part of the handler's name or path, in the order in which they are tried.
NAMES = (
    ("runsc", Sandbox.GVISOR),
    ("gvisor", Sandbox.GVISOR),
    ("containerd-shim-runsc", Sandbox.GVISOR),
    ("kata-fc", Sandbox.FIRECRACKER),
    ("firecracker", Sandbox.FIRECRACKER),
    ("aws.firecracker", Sandbox.FIRECRACKER),
    ("kata", Sandbox.KATA),
    ("containerd-shim-kata", Sandbox.KATA),
    ("io.containerd.kata", Sandbox.KATA),
    ("io.containerd.runsc", Sandbox.GVISOR),
    ("runhcs-wcow-hypervisor", Sandbox.HYPERV),
    ("hyperv", Sandbox.HYPERV),
    ("runc", Sandbox.NONE),
    ("crun", Sandbox.NONE),
    ("youki", Sandbox.NONE),
    ("io.containerd.runc", Sandbox.NONE),
    ("nvidia", Sandbox.NONE),
)


def sandbox_of(runtime: str, runtime_class: str) -> Sandbox:
    """By the handler where the runtime names one, else by the RuntimeClass."""
    for word in (runtime, runtime_class):
        name = word.strip().lower().rpartition("/")[2]
        for begin, sandbox in NAMES:
            if name.startswith(begin):
                return sandbox
    return Sandbox.UNKNOWN
