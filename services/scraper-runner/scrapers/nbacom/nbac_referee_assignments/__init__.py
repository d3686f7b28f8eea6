"""Officials of each game: published on the game's morning."""
