"""`tipoff tables`: deployment of the dataset, and comparison of a live one with its SQL files."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tipoff_cli.checkout import FLEET, STACK_PROJECT, STACK_WAREHOUSE
from tipoff_cli.connection import STACK_ENVIRONMENT, NotConnected, require_answer
from tipoff_cli.console import AsJson, console, refuse, say_json
from tipoff_dataset.deploy import all_differences, broken_views, deploy
from tipoff_dataset.files import SCHEMAS, SchemaFilesError

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

    from tipoff_dataset.migrations import Difference

_UNREACHABLE = 3
_DIFFERS = 4

Project = Annotated[
    str | None,
    typer.Option(metavar="P", help="Google Cloud project; that of the environment when left out"),
]
Dataset = Annotated[str, typer.Option(metavar="D", help="name of the dataset")]
Local = Annotated[bool, typer.Option("--local", help="the embedded warehouse of the stack that runs here")]
Url = Annotated[str | None, typer.Option(metavar="URL", help="an embedded warehouse elsewhere")]
Schemas = Annotated[Path, typer.Option(metavar="DIR", help="folder of the SQL files", show_default=False)]

_DATASET = os.environ.get("TIPOFF_DATASET") or FLEET.dataset

tables = typer.Typer(
    no_args_is_help=True, help="Deploy the dataset, or compare a live one with its SQL files."
)


@dataclass(frozen=True)
class TableTarget:
    """The dataset that a command works on."""

    client: "Client"
    where: str


@tables.command("deploy")
def deploy_dataset(
    project: Project = None,
    dataset: Dataset = _DATASET,
    local: Local = False,
    url: Url = None,
    schemas: Schemas = SCHEMAS,
    keep_columns: Annotated[
        bool,
        typer.Option(
            "--keep-columns",
            help="keep columns that the files lack or would narrow, when going back to older files",
        ),
    ] = False,
) -> None:
    """Create missing tables, add columns, and replace table functions and views with those of the SQL files.

    Exit code 1 when a statement fails, or when the files remove, retype or narrow a column: then nothing is changed.
    With --keep-columns, a column that the files do not have, or would narrow, stays as it is.
    """
    with _target(project, dataset, local, url) as target:
        for name in deploy(target.client, schemas, dataset, keep_columns=keep_columns):
            console.print(f"applied {name}")
        console.print(f"deployed to {target.where}", style="bright_black")


def _differences(target: TableTarget, dataset: str, schemas: Path) -> "list[Difference]":
    """List the objects that the live dataset lacks, and those that it has for another zone than the fleet's.

    Exit code 4 when there is a difference, 3 when the dataset cannot be reached.
    """
    return all_differences(target.client, schemas, dataset)


def _faults(target: TableTarget, dataset: str, schemas: Path) -> "list[Difference]":
    """Check that the dataset has everything as declared, and that each view can be read (dry run).

    Exit codes are those of `tables diff`.
    """
    from tipoff_dataset.migrations import Difference

    found = _differences(target, dataset, schemas)
    lacking = {item.where for item in found}
    broken = broken_views(target.client, schemas, dataset)
    return found + [Difference(view, what) for view, what in broken.items() if view not in lacking]


def _comparing(
    find: "Callable[[TableTarget, str, Path], list[Difference]]", otherwise: str
) -> Callable[..., None]:
    """Return the command that prints the differences of `find`, or `otherwise` when there are none."""

    def compare(
        project: Project = None,
        dataset: Dataset = _DATASET,
        local: Local = False,
        url: Url = None,
        schemas: Schemas = SCHEMAS,
        json: AsJson = False,
    ) -> None:
        with _target(project, dataset, local, url) as target:
            found = find(target, dataset, schemas)
            if json:
                say_json([asdict(item) for item in found])
            else:
                _show(found, f"{target.where} {otherwise}")
        raise typer.Exit(_DIFFERS if found else 0)

    compare.__doc__ = find.__doc__
    return compare


tables.command("diff")(_comparing(_differences, "matches the files"))
tables.command("verify")(_comparing(_faults, "is complete, and every view can be read"))


def _show(found: "Sequence[Difference]", otherwise: str) -> None:
    for item in found:
        console.print(Text(str(item), style="red" if item.refused else "yellow"))
        if item.statement:
            console.print(Text(f"  {item.statement}", style="bright_black"))
    if not found:
        console.print(Text(otherwise, style="green"))


@contextmanager
def _target(project: str | None, dataset: str, local: bool, url: str | None) -> Iterator[TableTarget]:
    """Yield a client of the project; an error within the block ends the command with its reason."""
    from google.api_core.exceptions import GoogleAPIError, RetryError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.bigquery import Client
    from requests.exceptions import RequestException

    from tipoff_dataset.migrations import MigrationRefused

    endpoint = url or (_stack_url() if local else None)
    try:
        if endpoint is not None:
            require_answer(endpoint, "--local" if local else "--url")
        if endpoint is None:
            client = Client(project=project or os.environ.get("TIPOFF_PROJECT"))
        else:
            client = embedded_client(endpoint, project or STACK_PROJECT)
        yield TableTarget(client, f"{client.project}:{dataset}{f' at {endpoint}' if endpoint else ''}")
        client.close()
    except MigrationRefused as error:
        refuse(f"refused, and nothing was changed:\n{error}")
    except SchemaFilesError as error:
        refuse(str(error))
    except NotConnected as error:
        refuse(str(error), _UNREACHABLE)
    except (GoogleAuthError, RequestException, RetryError, OSError) as error:
        where = endpoint or "Google Cloud"
        hint = "" if endpoint else "\nfor the stack that runs here, use --local"
        refuse(f"{where} cannot be reached: {error}{hint}", _UNREACHABLE)
    except GoogleAPIError as error:
        refuse(f"BigQuery refused: {error}")


def embedded_client(url: str, project: str) -> "Client":
    """Build a client of the embedded warehouse."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.bigquery import Client

    return Client(
        project=project, credentials=AnonymousCredentials(), client_options={"api_endpoint": url.rstrip("/")}
    )


def _stack_url() -> str:
    """Return the URL of the running stack's warehouse, else the default of `tipoff up`."""
    from dotenv import dotenv_values

    known = dotenv_values(STACK_ENVIRONMENT) if STACK_ENVIRONMENT.exists() else {}
    return known.get("BIGQUERY_EMULATOR_HOST") or STACK_WAREHOUSE
