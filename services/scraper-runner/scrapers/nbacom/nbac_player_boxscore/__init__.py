"""Every player's line in the box score of a game that is over."""
