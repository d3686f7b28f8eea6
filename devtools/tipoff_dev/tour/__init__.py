"""A stack with an invented week as its history, made by the code that writes real weeks."""
