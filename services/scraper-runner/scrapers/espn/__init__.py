"""ESPN's open API: no key, no promise. Some codes of teams are its own (GS, NO, NY, SA, UTAH); its scores are texts.

api.py  asks, and says what a refusal means
"""
