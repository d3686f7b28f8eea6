"""A team's roster as ESPN has it: one document a team, so it is fanned out over the teams.

team_ids.py  the numbers under which ESPN has the teams
scraper.py   what the runner calls
"""
