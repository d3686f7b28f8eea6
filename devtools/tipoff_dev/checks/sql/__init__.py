"""Google's own analyzer, run over every SQL statement."""
