"""Both teams' lines in the box score of a game that is over."""
