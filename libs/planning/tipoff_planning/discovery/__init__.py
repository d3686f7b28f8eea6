"""Learned discovery: estimates when a source publishes, and plans when to look for it.

intervals.py  publication intervals: the last look in vain and the first success of each day
trend.py      the trend of the publication time in minutes a day, from those intervals
model.py      the distribution of publication times, fitted to those intervals
policy.py     the cheapest looks for a distribution
plans.py      the checks of one day, or the reason for the fixed beat
searches.py   the inputs of a plan, from configuration and execution log
accounts.py   the account of the plan in a decision
report.py     one search on one day for people: curve, days, checks
steps.py      the step between planned times, and the number of checks for a gap
backtest.py   replay of past days under a policy
advice.py     advice whether a search should learn, from its own history
"""

import os

# The matrices are small, so BLAS threads would only wait for each other. numpy reads the variable at its first import,
# which happens at the first fit.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
