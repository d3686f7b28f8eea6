"""What bookmakers offer on games: winner, spread and total."""
