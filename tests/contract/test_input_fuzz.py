"""Files and arguments that nobody would write: each is refused with a message, and nothing falls over."""

import os
import random
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.support.examples import examples
from tests.support.pushes import REPOSITORY
from tipoff_cli.main import app
from tipoff_common.catalog import load_catalog
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
"""Scalars and nodes that YAML reads as something else than it looks, or not at all."""


def load(name: str, content: bytes) -> None:
    """Read the content as the named file; what is wrong with it has to be said."""
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
def test_whatever_a_file_holds_is_read_or_refused(name: str, content: bytes) -> None:
    load(name, content)


@pytest.mark.parametrize("name", list(FILES))
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), strange=st.sampled_from(STRANGE))
def test_a_file_with_one_strange_value_is_read_or_refused(name: str, seed: int, strange: str) -> None:
    """The real file with one value replaced, which comes further than noise does."""
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
def test_whatever_a_file_says_is_read_or_refused(name: str, tree: object) -> None:
    load(name, yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "replace"))


COMMANDS = (
    ("validate",), ("schedule",), ("explain", "injury_discovery"), ("query", "heartbeats"), ("status",), ("trace", "x"),
    ("trigger", "injury_discovery", "--dry-run"), ("alerts", "list"), ("files", "list"), ("pause", "x"),
)  # fmt: skip
"""Commands that reach for nothing on this machine, or say at once that there is nothing to reach."""
OPTIONS = (
    "--date",
    "--at",
    "--from",
    "--to",
    "--json",
    "--file",
    "--param",
    "--until",
    "--why",
    "--limit",
    "--help",
)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    command=st.sampled_from(COMMANDS),
    rest=st.lists(
        st.sampled_from(OPTIONS)
        | st.sampled_from(
            ("", "-", "--", "2025-02-30", "20250115", "0000-00-00", "-1", "é\u202e", "a=b", "\U0001f3c0")
        )
        | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12),
        max_size=4,
    ),
)
def test_whatever_the_arguments_are_a_command_ends_with_an_exit_code(
    command: tuple[str, ...], rest: list[str]
) -> None:
    # Nor for an identity: there is no gcloud to ask.
    nowhere = {
        "TIPOFF_CONTROLLER_URL": "http://127.0.0.1:9",
        "TIPOFF_MONITOR_URL": "http://127.0.0.1:9",
        "PATH": "",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIPOFF_")}
    with patch.dict(os.environ, {**kept, **nowhere}, clear=True):
        result = CliRunner().invoke(app, [*command, *rest])
    assert result.exception is None or isinstance(result.exception, SystemExit), (
        command,
        rest,
        result.exception,
    )
    assert result.exit_code in (0, 1, 2, 3), (command, rest, result.output)
