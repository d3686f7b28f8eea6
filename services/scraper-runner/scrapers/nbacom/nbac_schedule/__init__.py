"""The league's schedule of the season: the calendar that the controller plans from.

fetching.py  requests the schedule
document.py  the shape of the payload
currency.py  whether a schedule is of this season and this day
games.py     one game of the payload to one record
scraper.py   the functions that the runner calls
"""
