"""The NBA's official injury report: a PDF, published repeatedly during the day until the evening.

urls.py      the names of the reports that a day can have
fetching.py  requests them; distinguishes "not published", "blocked" and "moved"
table.py     words and rules to the cells of each row
rows.py      cells to rows: page breaks and carried-over columns
scraper.py   the functions that the runner calls
"""
