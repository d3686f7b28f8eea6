"""Scrapers on the command line: `python -m scrapers.<source>.<name>`, `tipoff scrape NAME`.

It uses the service's runner. Exit codes: 0 got it, 3 not published yet, 1 failed, 2 wrong usage.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from dotenv import dotenv_values

from tipoff_common.catalog import GAME_DATE
from tipoff_common.clock import business_date, fleet_zone, read_day
from tipoff_common.connections import Connections
from tipoff_common.events import ScrapeExecuted, Source
from tipoff_common.executions import describe_records, set_aside_in
from tipoff_common.fleet_root import STACK_ENVIRONMENT, find_root
from tipoff_common.outcomes import Failed, NoData, Success
from tipoff_common.ports import PermanentRefusal, Unavailable
from tipoff_common.rows import execution_row
from tipoff_common.settings import SettingsError, load_settings
from tipoff_common.wall_clock import wall_now
from tipoff_common.words import unknown_name
from tipoff_common.yaml_source import ConfigurationError
from tipoff_scraper_runner.account import account_name
from tipoff_scraper_runner.deps import Deps
from tipoff_scraper_runner.errors import ScrapeFailure
from tipoff_scraper_runner.execution import execute
from tipoff_scraper_runner.handlers import run_request
from tipoff_scraper_runner.http_clients import connected_opener, http_opener
from tipoff_scraper_runner.manual import UnusableParameters, manual_request
from tipoff_scraper_runner.parser import ParserProcess
from tipoff_scraper_runner.registry import RegisteredScraper, Registry, load_registry
from tipoff_scraper_runner.request_memory import RequestMemory
from tipoff_scraper_runner.saved_payload import SavedPayload
from tipoff_scraper_runner.settings import RunnerSettings

# 1 and 2 are conventional, 130 is the shell's code for SIGINT. 3 lets a script distinguish late from broken.
EXIT_FAILED, EXIT_USAGE, EXIT_NO_DATA, EXIT_INTERRUPTED = 1, 2, 3, 130
SCRAPERS_DIR = Path(__file__).parents[1] / "scrapers"
_CHECKOUT = Path(__file__).parents[3]
"""The repository for a fleet outside any repository."""
PARSER = ParserProcess()
"""Bounds parsing as the service does; starts a process only for a payload that needs one."""
_GAME_DATE_ALIASES = ("--game-date", "--game_date", "--gamedate", "--date")


def run_module(name: str) -> NoReturn:
    """Run a scraper for `python -m scrapers.<source>.<name>`, and exit."""
    # Under `python -m`, argv[0] is the path of the scraper's __main__.py, <fleet>/<source>/<name>/__main__.py.
    fleet = Path(sys.argv[0]).resolve().parents[2]
    scrapers = os.environ.get("TIPOFF_SCRAPERS") or fleet
    # The fleet's own stack has precedence over the current folder's.
    stack = (find_root(fleet) or find_root(Path.cwd()) or _CHECKOUT) / STACK_ENVIRONMENT
    program = f"python -m {fleet.name}...{name}"
    try:
        sys.exit(main(name, sys.argv[1:], scrapers=scrapers, stack=stack, program=program))
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def main(
    name: str, arguments: Sequence[str], *, scrapers: str | Path, stack: Path, program: str = "tipoff scrape"
) -> int:
    """Run one scraper and return the exit code.

    scrapers: folder or package of the fleet.
    stack: the file in which a running local stack keeps its environment.
    """
    try:
        fleet_zone()  # the arguments' dates are in this zone
        registry = load_registry(scrapers)
    except ConfigurationError as error:
        return _complain(str(error))
    if name not in registry:
        return _complain(unknown_name("scraper", name, registry))
    scraper = registry[name]
    options = _parser(scraper, program).parse_args(arguments)
    # The scraper's parameters only: this command's own options are in the same namespace.
    given = {key: getattr(options, key) for key in scraper.spec.parameters}
    parameters = {key: str(value) for key, value in given.items() if value is not None}
    dated, saved = GAME_DATE in parameters, None
    try:
        if options.from_file:
            body = options.from_file.read_bytes()
            saved = SavedPayload(body, dated)
            # Parameters from the command line override the document's: the user may try a document of another day on
            # purpose.
            parameters = {**stated_parameters(scraper, body, parameters), **parameters}
        # The fleet's business day, not the date in this machine's zone.
        parameters.setdefault(GAME_DATE, business_date(wall_now()).isoformat())
        request = manual_request(
            scraper, parameters, source=Source.LOCAL, triggered_by=account_name(), now=wall_now()
        )
    except (UnusableParameters, ParametersNotStated) as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"--from-file: {options.from_file} cannot be read: {error.strerror}")

    def try_out() -> ScrapeExecuted:
        return execute(
            request,
            scraper,
            environment="local",
            now=wall_now(),
            open_http=http_opener(),
            data=None,
            parse=PARSER.parse,
            saved=saved,
        ).executed

    try:
        # Executions on a saved document are tries, often repeated; they would only clutter the log.
        if options.dry_run or saved is not None:
            why = "dry run" if options.dry_run else "parsed from a file"
            return _report(try_out(), options.json, f"not logged: {why}")
        try:
            deps = connect(registry, stack)
        except (SettingsError, ConfigurationError) as error:
            return _complain(f"the configured stack cannot be used; repair it, or add --dry-run\n{error}")
        # A user without a stack wants to see the scraper's result; the note states that it is not logged.
        except (NoStack, Unavailable) as error:
            reason = str(error).partition("\n")[0]
            note = f"not logged: no bus is reachable ({reason}); `tipoff up` starts one"
            return _report(try_out(), options.json, note)
        executed = run_request(request, deps, wall_now())
    # The source may have been fetched already: do not fetch again because the result could not be stored.
    except (Unavailable, PermanentRefusal) as error:
        return _complain(f"not logged: {error}", EXIT_FAILED)
    return _report(executed, options.json, f"logged with source LOCAL as {executed.execution_id}")


class ParametersNotStated(Exception):
    """Neither the saved document nor the command line states a required parameter; the message names the options."""


def stated_parameters(scraper: RegisteredScraper, body: bytes, given: Collection[str]) -> Mapping[str, str]:
    """Return the parameters that a saved document states, when a required parameter is not given.

    Raises ParametersNotStated.
    """
    read: Callable[[bytes], Mapping[str, str]] | None = getattr(scraper.module, "stated", None)
    declared = scraper.spec.parameters.items()
    missing = [key for key, one in declared if one.required and key != GAME_DATE and key not in given]
    if read is None or not missing:
        return {}
    try:
        return read(body)
    except ScrapeFailure as error:
        options = ", ".join(f"--{key.replace('_', '-')}" for key in missing)
        raise ParametersNotStated(f"--from-file: {error}; give {options}") from error


class NoStack(Exception):
    """The environment names no stack, and none runs here."""


def connect(registry: Registry, stack: Path) -> Deps:
    """Connect to the stack that the environment names, else to the local one.

    stack: the file in which a running local stack keeps its environment.

    Raises:
        NoStack
        Unavailable, SettingsError, ConfigurationError: there is one, but it cannot be used.
    """
    # The environment has precedence over a stack that happens to run in this folder.
    if "TIPOFF_PROJECT" not in os.environ:
        if not stack.exists():
            raise NoStack("TIPOFF_PROJECT is not set, and no local stack is running")
        os.environ.update({key: value for key, value in dotenv_values(stack).items() if value is not None})
    # Load the settings first: their faults name the variable, which a client's own error would not.
    settings = load_settings(RunnerSettings)
    cloud = Connections("scraper-runner", settings)
    # Check the bus before the fetch: an execution that cannot be published must not fetch.
    cloud.bus.check()
    return Deps(
        environment=settings.environment,
        registry=registry,
        memory=RequestMemory(cloud.state),
        data=cloud.data,
        publisher=cloud.publisher,
        open_http=connected_opener(settings, cloud.state),
        parse=PARSER.parse,
    )


def _parser(scraper: RegisteredScraper, program: str) -> argparse.ArgumentParser:
    spec = scraper.spec
    parser = argparse.ArgumentParser(
        prog=program,
        description=spec.description,
        epilog="exit codes: 0 success, 3 not published yet, 1 failed, 2 wrong usage",
        allow_abbrev=False,  # an abbreviated option would become ambiguous when a parameter is added
    )
    for name, parameter in spec.parameters.items():
        flags = _GAME_DATE_ALIASES if name == "game_date" else (f"--{name.replace('_', '-')}",)
        kind = _date_text if parameter.type == "date" else str
        default = "; default: today in the fleet's zone" if name == "game_date" else ""
        parser.add_argument(
            *flags, dest=name, type=kind, metavar=parameter.type.upper(), help=parameter.description + default
        )
    parser.add_argument(
        "--from-file",
        type=Path,
        metavar="FILE",
        help="parse a saved payload instead of fetching; parameters that the payload states may be omitted",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="fetch and parse, but write and publish nothing"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the execution as a row of scraper_execution_log"
    )
    return parser


def _date_text(value: str) -> str:
    """Convert 2025-01-15, 20250115, today, yesterday or tomorrow to an ISO date."""
    try:
        return read_day(value, business_date(wall_now())).isoformat()
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _report(executed: ScrapeExecuted, as_json: bool, note: str) -> int:
    if as_json:
        row = execution_row(executed, wall_now())
        sys.stdout.write(json.dumps(row, default=_json_value, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(f"{_sentence(executed)}\n")
    # On stderr, so that `--json` prints nothing but the record on stdout.
    sys.stderr.write(f"{note}\n")
    match executed.outcome:
        case Success():
            return 0
        case NoData():
            return EXIT_NO_DATA
        case Failed():
            return EXIT_FAILED


def _sentence(executed: ScrapeExecuted) -> str:
    subject = f"{executed.scraper_name} {executed.game_date}"
    match executed.outcome:
        case Success(record_count=count, gcs_path=path):
            where = f", {path}" if path else ""
            brought = describe_records(count, set_aside_in(executed.data_summary)[0])
            return f"{subject}: success, {brought} in {executed.duration_seconds:.1f} s{where}"
        case NoData(reason=reason):
            return f"{subject}: no_data, {reason}"
        case Failed(kind=kind, message=message):
            return f"{subject}: failed ({kind}), {message}"


def _json_value(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _complain(message: str, code: int = EXIT_USAGE) -> int:
    sys.stderr.write(f"{message}\n")
    return code
