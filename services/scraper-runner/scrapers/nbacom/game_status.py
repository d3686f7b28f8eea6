"""Status of a game by its number in the league's documents."""

from typing import Literal

from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.json_document import Node

GameStatus = Literal["scheduled", "live", "final"]

STATUSES: dict[int, GameStatus] = {1: "scheduled", 2: "live", 3: "final"}


def game_status(game: Node) -> GameStatus:
    """Read the game's status. Raises SourceChanged for an unknown number."""
    # The text beside it is for people: "Q3 5:21", "Half", "PPD".
    number = game.integer("gameStatus")
    found = STATUSES.get(number)
    if found is None:
        raise SourceChanged(f"{game.path}.gameStatus is {number}; 1, 2 and 3 are known")
    return found
