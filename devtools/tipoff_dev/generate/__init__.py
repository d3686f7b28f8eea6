"""Reference documents rendered from the code and the SQL files, each by one function that returns its text."""
