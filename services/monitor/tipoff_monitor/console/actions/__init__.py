"""Actions from the console: each asks for confirmation, needs the role operator, and is logged with the visitor.

Everything goes the way the command line goes: the controller's routes, Pub/Sub, the monitor's own memory.
"""
