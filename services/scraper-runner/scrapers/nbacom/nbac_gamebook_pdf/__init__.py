"""The official scorer's report of a game, signed after the game: all players, with reasons for not playing.

fetching.py  finds the report's name; distinguishes "not published", "blocked" and "moved"
tables.py    the players and totals of a team
inactive_players.py  the lists below the tables
report.py    the whole final box, and its contradictions
scraper.py   the functions that the runner calls
"""
