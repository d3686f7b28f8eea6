"""End a command with a message instead of a traceback, with exit code 1 unless the command names another."""


class CommandFailed(Exception):
    """The command cannot do what was asked; the message says why and what to do."""
