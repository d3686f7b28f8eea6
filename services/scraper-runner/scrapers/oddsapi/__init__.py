"""The Odds API, version 4: what bookmakers offer on NBA games. Every call counts against a monthly quota.

api.py       asks, and says what a refusal means
lines.py     one bookmaker's offers in an event
matchups.py  the event itself: who plays whom on which day
"""
