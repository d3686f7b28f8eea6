"""Injuries from BALLDONTLIE, beside the league's own report: with longer descriptions, without the teams' submissions.

fetching.py  requests all pages
team_ids.py  the source's team numbers
scraper.py   the functions that the runner calls
"""
