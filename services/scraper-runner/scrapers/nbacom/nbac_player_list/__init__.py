"""Every player of a season, with team, body and draft: the league's own index."""
