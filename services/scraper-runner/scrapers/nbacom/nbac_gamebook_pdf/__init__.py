"""The official scorer's report of a game: who played, who did not and why, as signed after the game.

fetching.py  finds its name, and tells "not published" from "blocked" from "moved"
tables.py    the players and totals of a team
inactive_players.py  the lists below the tables
report.py    the whole final box, and what does not add up in it
scraper.py   what the runner calls
"""
