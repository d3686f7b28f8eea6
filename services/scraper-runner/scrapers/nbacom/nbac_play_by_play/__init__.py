"""Every action of a game that is over, in order."""
