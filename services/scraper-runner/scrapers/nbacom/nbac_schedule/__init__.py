"""The league's schedule of the season: the calendar that everything else is computed from.

fetching.py  asks for it
document.py  the shape of the payload
currency.py  whether a schedule is of this season and this day
games.py     one game of the payload to one record
scraper.py   what the runner calls
"""
