"""Signings, waivers and trades, since 2015: the league's own list."""
