"""Learned discovery: when a source publishes, and when to look for it.

intervals.py  what the poller itself saw: between which two looks a document appeared
model.py      the distribution of publication times, fitted to those intervals
policy.py     the looks that cost least, given the distribution
"""
