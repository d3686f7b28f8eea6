"""Scrapers of nba.com: schedule, scoreboard, box scores, and PDF reports."""
