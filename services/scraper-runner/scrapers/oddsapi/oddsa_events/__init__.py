"""The bookmakers' events of a game day; props and lines are requested by their ids."""
