"""The games of a day from ESPN: a second source of tip-offs, states and scores."""
