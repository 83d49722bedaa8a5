"""Where programs of servers are installed, and as whom PostgreSQL may run."""

import os
import pwd
import shutil
from pathlib import Path


def found_program(name: str) -> str | None:
    """The path of a program: on PATH, or where Debian keeps those of PostgreSQL."""
    newest = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or (str(newest[0]) if newest else None)


def postgres_user() -> str | None:
    """PostgreSQL refuses to run as root: the user to start it as, None when we are not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
