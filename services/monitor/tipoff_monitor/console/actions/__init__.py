"""Actions from the console: each asks for confirmation, needs the role operator, and is logged with the visitor.

Actions use the same means as the command line: the controller's routes, Pub/Sub, the monitor's own memory.
"""
