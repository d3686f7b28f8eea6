"""The official scorer's report of a game: who played, who did not and why, as signed after the game.

fetching.py  finds its name, and tells "not published" from "blocked" from "moved"
report.py    the lines of the report
scraper.py   what the runner calls
"""
