"""ESPN's open API, without key or guarantee. It has its own codes for some teams (GS, NO, NY, SA, UTAH); its scores are
texts.

api.py  sends requests, and interprets refusals
"""
