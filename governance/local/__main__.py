"""What the Makefile calls once all is installed: `python -m governance.local up | manage | pg | assets | lock`."""

from __future__ import annotations

import os
import sys

from governance.local import assets, lock
from governance.local.call import manage, postgres_program
from governance.local.instance import ROOT, options
from governance.local.problem import Problem, say
from governance.local.up import up

SETUP = {"assets": assets.install, "lock": lock.lock}


def main(arguments: list[str]) -> int:
    """Run one command and return the exit code; what a person can mend is said in one sentence."""
    command, *rest = arguments or [""]
    try:
        if command in SETUP:
            return SETUP[command]()
        chosen = options(os.environ)
        os.chdir(ROOT)
        if command == "up":
            return up(chosen)
        if command == "manage":
            return manage(chosen, rest)
        if command == "pg":
            return postgres_program(chosen, rest)
        raise Problem("Say one of: up, manage ARGUMENT…, pg PROGRAM ARGUMENT…, assets, lock.")
    except Problem as problem:
        say(str(problem))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
