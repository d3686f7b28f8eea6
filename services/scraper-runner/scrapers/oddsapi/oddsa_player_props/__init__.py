"""Bookmakers' odds on players in one event, one record per line: some bookmakers have eight lines for a player."""
