"""The name of the account that runs a command on this machine."""

import getpass
import os


def account_name() -> str:
    """Return the account that runs this process; its number where it has no name, as in many containers."""
    try:
        name = getpass.getuser()
    # An account without an entry in /etc/passwd: KeyError until Python 3.13, OSError from then on.
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
    # A name in the environment may hold any bytes, and the log takes text only.
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
