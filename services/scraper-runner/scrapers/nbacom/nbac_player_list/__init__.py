"""The league's index of all players of a season, with team, height, weight and draft."""
