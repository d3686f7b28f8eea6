"""The NBA's official injury report: a PDF that appears sometime on the day, again and again until the evening.

urls.py      which reports a day can have and what they are called
fetching.py  asks for them, and tells "not published" from "blocked" from "moved"
table.py     words and rules to the cells of each row
rows.py      cells to rows: page breaks and carried-over columns
scraper.py   what the runner calls
"""
