"""End a command with a message instead of a traceback, with exit code 1 unless the command names another."""


class CommandFailed(Exception):
    """A failure that an operator can fix; the message says why the command failed and what to do."""
