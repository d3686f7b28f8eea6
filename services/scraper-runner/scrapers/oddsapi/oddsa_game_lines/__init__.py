"""Bookmakers' odds on games: winner, spread and total."""
