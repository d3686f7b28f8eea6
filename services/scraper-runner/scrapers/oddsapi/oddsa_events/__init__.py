"""The events that bookmakers have for a game day; their ids are what props and lines are asked for by."""
