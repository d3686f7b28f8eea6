"""The games of a day and their states."""
