"""Learned discovery: when a source publishes, and when to look for it.

intervals.py  what the poller itself saw: between which two looks a document appeared
trend.py      by how many minutes a day publication moves, from those intervals
model.py      the distribution of publication times, fitted to those intervals
policy.py     the looks that cost least, given the distribution
plans.py      the checks of one day, or why the fixed beat is kept
searches.py   from configuration and execution log to what a plan is made of
accounts.py   what a decision says of the plan it followed
report.py     one search on one day for people: curve, days, checks
steps.py      in which step learned times are planned, and how many checks a gap takes
backtest.py   replay days against a way of looking
advice.py     whether a search should learn, by its own history
"""

import os

# The matrices are small, so threads of BLAS only wait for each other. Read by numpy when it is first imported, which
# here is at the first fit.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
