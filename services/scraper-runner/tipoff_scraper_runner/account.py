"""Names who runs a command on this machine."""

import getpass
import os


def account_name() -> str:
    """Return the account that runs this process; its number where no name is known, as in many containers."""
    try:
        name = getpass.getuser()
    # An account without an entry in /etc/passwd: KeyError until Python 3.13, OSError from then on.
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
    # A name in the environment may be of any bytes, and what is logged has to be text.
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
