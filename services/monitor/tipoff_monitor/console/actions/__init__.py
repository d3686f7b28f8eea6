"""What people do from the console: each asks first, needs the role operator, and is logged with who did it.

Everything goes the way the command line goes: the controller's routes, Pub/Sub, the monitor's own memory.
"""
