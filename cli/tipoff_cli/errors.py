"""What ends a command with a message instead of a traceback, and exit code 1 unless the command says another."""


class CommandFailed(Exception):
    """The command cannot do what was asked; the message says why and what to do."""
