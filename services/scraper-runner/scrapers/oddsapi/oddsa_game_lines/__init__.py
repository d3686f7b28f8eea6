"""Bookmakers' offers on games: winner, spread and total."""
