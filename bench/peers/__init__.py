"""The same work on Tipoff and on its peers: `python -m bench.peers`."""
