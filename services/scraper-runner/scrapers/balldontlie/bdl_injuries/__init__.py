"""Injuries as BALLDONTLIE tells them, beside the league's own report: more words, and no word on who submitted.

fetching.py  asks for all pages
team_ids.py  the numbers under which the source has the teams
scraper.py   what the runner calls
"""
