"""Shared support of the tests: the ports in memory, sample events, a token issuer, pushes as Pub/Sub sends them."""
