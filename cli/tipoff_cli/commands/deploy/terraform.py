"""`tipoff terraform`: Terraform for a fleet in its own repository."""

from tipoff_cli.checkout import FLEET, REPOSITORY
from tipoff_cli.commands.deploy.fleet_terraform import FOLDER, write_terraform
from tipoff_cli.console import console, refuse
from tipoff_common import __version__
from tipoff_common.fleet_root import MARKER
from tipoff_common.words import pluralize


def terraform() -> None:
    """Write infra/terraform of a fleet: Tipoff's roots and modules with its dataset, zone, ticks and secrets.

    Run it again after an upgrade, and after a change of the zone, the ticks or a scraper's secrets: until then
    `tipoff deploy` refuses. Prints the files that changed; leaves files of variables and the provider's locks alone.
    Exit code 1 when there is no fleet, or its descriptions cannot be read.
    """
    if FLEET.folder == REPOSITORY:
        refuse(
            f"no fleet here: no {MARKER} in this folder or above it; in Tipoff's own repository nothing is written"
        )
    written = write_terraform(FLEET)
    for path in written:
        console.print(str(path))
    changed = pluralize(len(written), "file") if written else "nothing"
    console.print(f"{FOLDER}: {changed} changed; it is Tipoff {__version__}'s")
    if written:
        console.print(
            f"now: copy {FOLDER}/environments/ENV/*.example without .example, edit the copies, and commit;"
            " docs/how-to/deploy-a-fleet.md has the steps"
        )
