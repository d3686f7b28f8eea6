"""The games of a day and how they stand."""
