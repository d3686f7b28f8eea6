"""What people do from the console: each asks first, needs the role operator, and is logged with who did it."""
