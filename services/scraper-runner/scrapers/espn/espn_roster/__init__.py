"""A team's roster from ESPN: one document per team, so the scraper is fanned out over the teams.

team_ids.py  ESPN's team numbers
scraper.py   the functions that the runner calls
"""
