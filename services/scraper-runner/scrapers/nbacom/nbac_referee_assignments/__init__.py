"""Who officiates which game: out on the game's morning."""
