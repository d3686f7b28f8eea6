"""Fuzzed files and arguments: each is refused with a message, and no command crashes."""

import os
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.core import TyperArgument, TyperCommand, TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from gcp_emulators.testing import running
from tests.support.examples import examples
from tests.support.pushes import REPOSITORY
from tipoff_cli.commands import COMMANDS
from tipoff_cli.main import app
from tipoff_common.catalog import load_catalog
from tipoff_common.clock import fleet_zone
from tipoff_common.service_map import load_services
from tipoff_common.ticks import load_ticks
from tipoff_common.topics import load_topics
from tipoff_common.yaml_source import ConfigurationError
from tipoff_dataset.files import QUERIES
from tipoff_monitor.loading import load_rules
from tipoff_planning.loading import load_workflows

FLEET = REPOSITORY / "services/scraper-runner/scrapers"
CATALOG = load_catalog(FLEET)
FILES: Mapping[str, tuple[Path, Callable[[Path], object]]] = {
    "workflows": (REPOSITORY / "config/workflows.yaml", lambda path: load_workflows(path, CATALOG)),
    "alerts": (REPOSITORY / "config/alerts.yaml", lambda path: load_rules(path, QUERIES)),
    "topics": (REPOSITORY / "infra/topics.yaml", load_topics),
    "ticks": (REPOSITORY / "infra/ticks.yaml", load_ticks),
    "services": (REPOSITORY / "infra/services.yaml", load_services),
    "scraper": (FLEET / "nbacom/nbac_schedule/scraper.yaml", lambda path: load_catalog(path.parents[2])),
}
STRANGE = (
    "", "null", "~", "[]", "{}", "-1", "1e999", ".inf", ".nan", "0x1F", "2025-02-30", "25:61",
    "!!python/object:os.system x",
    "&a [*a]", "? [x]", "\"\\ud800\"", "'\u202e'", "\x00", "\ufeff", "a" * 5_000, "9" * 400, "on", "=", "<<: {a: b}",
)  # fmt: skip
"""Scalars and nodes that YAML reads differently from their looks, or not at all."""


def load(name: str, content: bytes) -> None:
    """Read the content as the named file; an error has to have a message."""
    _, read = FILES[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "source/nbac_schedule" / FILES[name][0].name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        try:
            read(path)
        except ConfigurationError as error:
            assert str(error), "it is refused, and nobody is told why"


@pytest.mark.parametrize("name", list(FILES))
@settings(max_examples=examples(25), deadline=None)
@given(
    content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_file_content_is_read_or_refused(name: str, content: bytes) -> None:
    load(name, content)


@pytest.mark.parametrize("name", list(FILES))
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), strange=st.sampled_from(STRANGE))
def test_real_file_with_strange_value_is_read_or_refused(name: str, seed: int, strange: str) -> None:
    """The real file with one value replaced passes more checks than noise does."""
    lines = FILES[name][0].read_text(encoding="utf-8").splitlines()
    with_value = [
        number for number, line in enumerate(lines) if ": " in line and not line.lstrip().startswith("#")
    ]
    at = random.Random(seed).choice(with_value)  # noqa: S311  # hypothesis draws the seed
    lines[at] = f"{lines[at].partition(': ')[0]}: {strange}"
    load(name, "\n".join(lines).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("name", list(FILES))
@settings(max_examples=examples(15), deadline=None)
@given(
    tree=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=12,
    )
)
def test_any_yaml_tree_is_read_or_refused(name: str, tree: object) -> None:
    load(name, yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "replace"))


def _leaves() -> Iterator[tuple[str, TyperCommand]]:
    """Yield the operators' commands; a subcommand's name includes its group's."""
    root: Any = get_command(app)
    for spec in COMMANDS:
        command = root.get_command(None, spec.name)
        if isinstance(command, TyperGroup):
            yield from ((f"{spec.name} {name}", leaf) for name, leaf in command.commands.items())
        else:
            yield spec.name, command


LEAVES: Mapping[str, TyperCommand] = {
    name: command
    for name, command in _leaves()
    if name.partition(" ")[0] not in ("deploy", "terraform", "smoke")
    and name not in ("tables deploy", "scrapers new")
}
"""The operators' commands except those that build, deploy or write files. Commands that send reach no service here."""
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def place() -> Iterator[Mapping[str, str]]:
    """Run a deployment for the environment's variables: its dataset is empty, and its services do not answer."""
    with running("bigquery") as warehouse, running("storage") as bucket:
        yield {**PLACE, **dict((warehouse.variable, bucket.variable))}


PLACE = {
    "TIPOFF_PROJECT": "p",
    "TIPOFF_DATA_BUCKET": "data",
    "TIPOFF_CONTROLLER_URL": NOWHERE,
    "TIPOFF_MONITOR_URL": NOWHERE,
    "TIPOFF_DEVELOPMENT_KEY": "key",
    "BIGQUERY_EMULATOR_HOST": NOWHERE,
    "STORAGE_EMULATOR_HOST": NOWHERE,
    "PUBSUB_EMULATOR_HOST": NOWHERE.removeprefix("http://"),
    "TIPOFF_DATASET": "d",
    "TIPOFF_TOPICS_FILE": str(REPOSITORY / "infra/topics.yaml"),
    "TIPOFF_TIMEZONE": "Europe/Berlin",
    "TIPOFF_ENVIRONMENT": "dev",
    "TIPOFF_IMPERSONATE": "somebody@example.com",
}
MACHINE = {"NO_GCE_CHECK": "true", "PATH": "", "HOME": "/nonexistent"}
"""No identity either: no gcloud, no login, and no metadata server."""
ODD_TIMES = (
    "0001-01-01", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "9999-12-31", "1946-11-01T00:00+14:00",
    "2100-01-01T23:59-23:59", "2025-02-30", "0000-00-00", "2025-03-09 02:30", "2025-11-02 01:30", "today 25:00", "now",
    "today", "2025-01-15", "2025-01-15 13:00", "20250115", "-1",
)  # fmt: skip
ODD_LENGTHS = (
    "0s",
    "1m",
    "1h",
    "-1h",
    "99999999999h",
    "9" * 400 + "h",
    "1e999",
    "nan",
    "inf",
    "1.5h",
    "0",
    "-1",
    "1",
)
ODD_PLACES = (
    "localhost:abc", "localhost:99999", "localhost:-1", "http://[::1", "http://[x]:80", "[", "//", "http://", ":",
    "http://\u00fc.example", "http://" + "a" * 70 + ".example", "ftp://x", "http://a b", NOWHERE, "127.0.0.1:9",
)  # fmt: skip
ODD_PATHS = (
    "", ".", "..", "/", "/dev/null", "a" * 300, "a/" * 3000, "~", "\u00fc.yaml", "gs://b/..", "gs://b/.",
    "gs://b/a/../c", "gs://-/x", "gs://\u00fc/x", "gs:///x", "gs://b/", "gs://b/" + "x" * 2000, "gs://b/a\nb",
    "gs://" + "b" * 300 + "/x",
    str(REPOSITORY / "config/workflows.yaml"), str(REPOSITORY),
)  # fmt: skip
ODD_TEXTS = (
    "", " ", "-", "--", "=", "a=b", "schl\u00fcssel", "\u00e9\u202e", "\U0001f3c0", "a\nb", "\x1b[31m", "\udcff",
    "a" * 5000,
    "'\"`$(x)", "%", "%s", "{x}", "[bold]", "[/]", "x/y", "America/New_York", "Amerika/New_York", "Mars/Crater",
    "../../etc/passwd", "/etc/passwd", "America",
)  # fmt: skip
NAMES = (
    *(path.stem for path in sorted(QUERIES.glob("*.sql"))), *sorted(CATALOG), "injury_discovery", "post_game",
    "scraper_name", "broken", "undecodable",
)  # fmt: skip
ODD = st.sampled_from(ODD_TIMES + ODD_LENGTHS + ODD_PLACES + ODD_PATHS + ODD_TEXTS + NAMES)
ASSIGNED = st.builds(
    "{}={}".format,
    st.sampled_from(("as_of", "day", "days", "scraper_name", "workflow_name", "environment")),
    ODD,
)
VALUES = ODD | ASSIGNED | st.text(st.characters(exclude_characters="\x00"), max_size=12)
LIKELY = {
    "DATE": st.sampled_from(ODD_TIMES),
    "DAY": st.sampled_from(ODD_TIMES),
    "TIME": st.sampled_from(ODD_TIMES),
    "DURATION": st.sampled_from(ODD_LENGTHS),
    "FILE": st.sampled_from(ODD_PATHS),
    "DIR": st.sampled_from(ODD_PATHS),
    "PATH": st.sampled_from(ODD_PATHS),
    "URL": st.sampled_from(ODD_PLACES),
    "NAME": st.sampled_from(NAMES),
    "WORKFLOW": st.sampled_from(NAMES),
    "NAME=VALUE": ASSIGNED,
}
"""Values that pass more checks than random text, by the help's name of the value."""


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """Draw a command with odd values of its own options and arguments."""
    name = draw(st.sampled_from(sorted(LEAVES)))
    words = name.split()
    for parameter in LEAVES[name].params:
        if not parameter.required and draw(st.integers(0, 2)):
            continue
        called = (parameter.metavar or "").strip("[]")
        value = LIKELY[called] | VALUES if called in LIKELY else VALUES
        if isinstance(parameter, TyperArgument):
            words.append(draw(value))
        elif getattr(parameter, "is_flag", False):
            words.append(parameter.opts[0])
        else:
            words += [parameter.opts[0], draw(value)]
    return words


ENVIRONMENTS = st.dictionaries(
    st.sampled_from(sorted(PLACE)),
    ODD.filter(lambda value: "\x00" not in value),
    max_size=2,
)
"""Wrong environment variables; most variables are as in PLACE."""


@settings(max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(words=command_lines(), wrong=ENVIRONMENTS)
@example(words=["trigger", "w", "--idempotency-key", "schl\u00fcssel"], wrong={})
@example(words=["query", "heartbeats", "--param", "as_of=0001-01-01T00:00:00+05:00"], wrong={})
@example(words=["query", "heartbeats"], wrong={"BIGQUERY_EMULATOR_HOST": "localhost:abc"})
@example(words=["files", "cat", "gs://bucket/.."], wrong={})
@example(words=["trace", "x"], wrong={"TIPOFF_TIMEZONE": "Amerika/New_York"})
def test_any_command_line_ends_with_exit_code_and_message(
    place: Mapping[str, str], words: list[str], wrong: Mapping[str, str]
) -> None:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TIPOFF_", "GOOGLE_")) and name not in PLACE
    }
    fleet_zone.cache_clear()
    try:
        with patch.dict(os.environ, {**kept, **MACHINE, **place, **wrong}, clear=True):
            result = CliRunner().invoke(app, words)
    finally:
        fleet_zone.cache_clear()
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1, 2, 3, 4), result.output
    assert result.exit_code == 0 or result.output.strip(), "it failed, and nobody is told why"
