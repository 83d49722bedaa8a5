"""Who does something, as records name people."""

import getpass
import os

MAX_BY_CHARS = 256


def system_user() -> str:
    """Who does it, where nobody is named: the user of the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no name
        return f"uid {os.getuid()}"
