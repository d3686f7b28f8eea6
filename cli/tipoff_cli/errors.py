"""Failures that end a command with a message instead of a traceback."""


class CommandFailed(Exception):
    """The command cannot do what was asked; the message says why and what to do."""
