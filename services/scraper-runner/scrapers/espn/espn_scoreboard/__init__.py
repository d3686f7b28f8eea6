"""The games of a day as ESPN has them: a second opinion on tips, states and scores."""
