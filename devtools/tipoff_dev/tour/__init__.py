"""A stack with a week behind it: made up, by the code that writes real weeks."""
