"""Bookmakers' offers on players in one event, each line on its own: some give eight for one player."""
