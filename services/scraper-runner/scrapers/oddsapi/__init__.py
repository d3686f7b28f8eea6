"""The Odds API, version 4: bookmakers' odds on NBA games. Every call counts against a monthly quota.

api.py       sends requests, and interprets refusals
lines.py     one bookmaker's offers in an event
matchups.py  the event itself: its teams and its day
"""
