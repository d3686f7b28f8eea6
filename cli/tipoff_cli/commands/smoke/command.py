"""`tipoff smoke`: a test of a deployment by real events and their rows."""

from typing import Annotated

import typer

from tipoff_cli.checkout import SCRAPERS, TOPICS, WORKFLOWS
from tipoff_cli.commands.smoke.proofs import Proven, draft_proofs, prove, scraper_to_prove
from tipoff_cli.connection import find_connection
from tipoff_cli.console import console, load_configuration, refuse
from tipoff_common.publisher import Publisher
from tipoff_common.topics import load_topics
from tipoff_common.wall_clock import wall_now


def smoke(
    timeout: Annotated[
        float, typer.Option(min=1, max=86_400, metavar="SECONDS", help="how long to wait for the rows")
    ] = 180.0,
) -> None:
    """Send real events through every service and read their rows: a decision, a cleanup, a scrape.

    Tests the stack that runs here, or the project that TIPOFF_PROJECT and TIPOFF_ENVIRONMENT name. Exit code 1 when a
    row is missing, or has an internal error, such as an image without the scraper. A source that is down is reported,
    and is no failure.
    """
    connection = find_connection()
    publisher = Publisher("smoke", connection.bus(load_topics(TOPICS)))
    scraper = scraper_to_prove(load_configuration(WORKFLOWS, SCRAPERS))
    proofs = draft_proofs(scraper, connection.environment, wall_now())
    results = prove(proofs, publisher, connection.warehouse(), timeout)
    for result in results:
        console.print(_format_result(result))
    if any(result.fault for result in results):
        refuse("a proof failed: see `tipoff dead-letters list` and the logs of its services")


def _format_result(result: Proven) -> str:
    proof = result.proof
    if result.fault:
        return f"[red]✘ {proof.what} ({proof.through}): {result.fault}[/]"
    row = ", ".join(f"{name} {value}" for name, value in result.row.items() if value is not None)
    return f"[green]✔[/] {proof.what} ({proof.through}) after {result.seconds:.1f} s: {row}"
