"""Tests of workflows.yaml: each fault is found at start and names file, line, value and remedy."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.controller import catalog, fixture_file
from tipoff_common.yaml_source import ConfigurationError
from tipoff_planning.loading import load_workflows

HEAD = """\
version: 1
timezone: America/New_York
calendar: { scraper: slate }
workflows:
  one:
    description: a fixture
"""
STEP = """\
    steps:
      - scraper: bulletin
"""
AT = """\
    schedule: { kind: at, times: ["06:00"] }
"""


QUARTER = timedelta(minutes=15)


def faults(text: str, folder: Path, evaluated_every: timedelta | None = None) -> list[str]:
    path = folder / "workflows.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as refusal:
        load_workflows(path, catalog(), evaluated_every)
    prefix = f"{path}:"
    assert all(fault.startswith(prefix) for fault in refusal.value.faults)
    return [fault.removeprefix(prefix) for fault in refusal.value.faults]


@pytest.mark.parametrize("name", ["schedules", "plans"])
def test_the_fixture_files_are_accepted(name: str) -> None:
    assert fixture_file(name).workflows


@pytest.mark.parametrize(
    ("schedule", "line", "message"),
    [
        ('{ kind: daily, window: { start: "10:00", end: "10:00" } }', 7, "window 10:00 to 10:00 is empty"),
        ('{ kind: daily, window: { start: "22:00", end: "18:01" } }', 7, "has to be over by 18:00"),
        (
            '{ kind: discovery, window: { start: "22:00", end: "12:00" }, every: 7h }',
            7,
            "its last attempt due for 420 min; close it earlier",
        ),
        ("{ kind: hourly }", 7, "'hourly'"),
        ('{ kind: discovery, window: { start: "09:00", end: "10:00" }, budget: -2 }', 7, "budget = -2"),
        ("{ kind: per_game, first: 3h, every: 30m, until: 1h }", 7, "let until be first or later"),
        ('{ kind: at, times: ["06:00"], jitter: 1m }', 7, "unknown key 'workflows.one.schedule.jitter'"),
        (
            '{ kind: dayly, window: { start: "10:00", end: "11:00" } }',
            7,
            "workflows.one.schedule.kind = 'dayly': unknown value; use one of daily, at, discovery, interval, per_game;"
            " did you mean 'daily'?",
        ),
        ('{ times: ["06:00"] }', 7, "key 'workflows.one.schedule.kind' is missing; add it"),
        (
            '{ kind: at, times: ["06:00"], days: [monday] }',
            7,
            "workflows.one.schedule.days.0 = 'monday': unknown value; use one of mon, tue, wed, thu, fri, sat, sun;"
            " did you mean 'mon'?",
        ),
    ],
)
def test_a_bad_schedule_names_its_line(schedule: str, line: int, message: str, tmp_path: Path) -> None:
    (fault,) = faults(f"{HEAD}    schedule: {schedule}\n{STEP}", tmp_path)
    assert fault.startswith(f"{line}: ")
    assert message in fault


@pytest.mark.parametrize(
    ("schedule", "key", "minutes", "needed"),
    [
        ('{ kind: daily, window: { start: "10:00", end: "10:10" } }', "window", "10", 10),
        ('{ kind: at, times: ["06:00"], within: 14m }', "within", "14", 12),
        ('{ kind: discovery, window: { start: "09:00", end: "10:00" }, every: 5m }', "every", "5", 5),
        ('{ kind: discovery, window: { start: "09:00", end: "10:00" }, budget: 9 }', "budget", "7.5", 6),
        ("{ kind: interval, every: 5m, before_first_tip: 2h }", "every", "5", 5),
        ("{ kind: per_game, first: 3h, every: 5m, until: 4h }", "every", "5", 5),
    ],
)
def test_occurrence_shorter_than_evaluation_interval_is_refused(
    schedule: str, key: str, minutes: str, needed: int, tmp_path: Path
) -> None:
    """No tick came while the windows were open (incident 12)."""
    (fault,) = faults(f"{HEAD}    schedule: {schedule}\n{STEP}", tmp_path, QUARTER)
    assert fault == (
        f"7: workflows.one.schedule.{key}: each occurrence is due for {minutes} minutes, but evaluations are"
        " 15 minutes apart;"
        f" set 15m or more, or add to infra/ticks.yaml a tick `discover` with every_minutes: {needed} and"
        f" cadence_minutes: {needed}, for such workflows only"
    )
    path = tmp_path / "workflows.yaml"
    load_workflows(path, catalog(), QUARTER, timedelta(minutes=needed))


@pytest.mark.parametrize("evaluated_every", [QUARTER, None])
def test_an_occurrence_as_long_as_the_ticks_cadence_is_accepted(
    evaluated_every: timedelta | None, tmp_path: Path
) -> None:
    path = tmp_path / "workflows.yaml"
    path.write_text(f"{HEAD}    schedule: {{ kind: per_game, first: 3h, every: 15m, until: 4h }}\n{STEP}")
    assert load_workflows(path, catalog(), evaluated_every).workflows


@pytest.mark.parametrize(
    ("steps", "line", "message"),
    [
        (
            "      - { scraper: bulletin, after: [nowhere] }",
            9,
            "step 'nowhere' is not in this workflow, which has bulletin",
        ),
        ("      - { scraper: bulletin, after: [bulletin] }", 9, "comes after itself; remove this edge"),
        ("      - scraper: buletin", 9, "scraper 'buletin' is not known; did you mean 'bulletin'?"),
        (
            "      - scraper: weather",
            9,
            "scraper 'weather' is not known; known scrapers: box_score, bulletin",
        ),
        ("      - scraper: bulletin\n      - scraper: bulletin", 10, "step 'bulletin' is defined twice"),
        (
            "      - { scraper: bulletin, name: a }\n      - { scraper: digest, name: a }",
            10,
            "step 'a' is defined twice",
        ),
        (
            "      - { scraper: roster, for_each: { parameter: team, values: [BOS, BOS] } }",
            9,
            "values name BOS more than once; name each once",
        ),
        (
            "      - { scraper: roster, for_each: { parameter: side, values: [BOS] } }",
            9,
            "for_each fills 'side', which roster does not declare; its parameters: ",
        ),
        (
            "      - scraper: bulletin\n        parameters: { colour: red }",
            10,
            "parameter 'colour' is not declared by bulletin; its parameters: game_date, as_of, market",
        ),
        (
            "      - scraper: bulletin\n        parameters: { game_date: today }",
            10,
            "parameter 'game_date' is filled in already; remove it here",
        ),
        (
            '      - scraper: bulletin\n        parameters: { as_of: "{now}" }',
            9,
            "{now} is not known; use {game_date} or {slot}",
        ),
        (
            "      - scraper: bulletin\n        parameters: { as_of: noon }",
            10,
            "parameter 'as_of' of bulletin: 'noon' is not an instant; write it with its zone",
        ),
        ("      - scraper: box_score", 9, "parameter 'game_id' of box_score is required"),
        (
            "      - { scraper: bulletin, for_each: game }",
            9,
            "for_each fills 'game_id', which bulletin does not",
        ),
        (
            "      - { scraper: bulletin, for_each: player }",
            9,
            "'player': unknown value; use one of game, team",
        ),
        (
            "      - scraper: event_list\n"
            "      - scraper: event_props\n"
            "        for_each: { step: event_list, key: odds_id }\n"
            "        parameters: { event_id: x }",
            11,
            "'odds_id' is not an output of event_list; its outputs: event_id",
        ),
        ("      - { scraper: bulletin, nmae: a }", 9, "unknown key 'workflows.one.steps.0.nmae'"),
    ],
)
def test_a_bad_step_names_its_line(steps: str, line: int, message: str, tmp_path: Path) -> None:
    found = faults(f"{HEAD}{AT}    steps:\n{steps}\n", tmp_path)
    assert any(fault.startswith(f"{line}: ") and message in fault for fault in found), found


def test_cycle_of_steps_is_spelled_out(tmp_path: Path) -> None:
    steps = """\
    steps:
      - { scraper: bulletin, name: a, after: [c] }
      - { scraper: bulletin, name: b, after: [a] }
      - { scraper: bulletin, name: c, after: [b] }
"""
    (fault,) = faults(HEAD + AT + steps, tmp_path)
    assert fault == "8: steps wait for each other in a circle: a -> c -> b -> a; remove one of these edges"


def test_sequence_against_its_own_edges_is_a_cycle(tmp_path: Path) -> None:
    steps = """\
    order: sequence
    steps:
      - { scraper: bulletin, after: [digest] }
      - scraper: digest
"""
    (fault,) = faults(HEAD + AT + steps, tmp_path)
    assert fault.startswith("9: steps wait for each other in a circle: bulletin -> digest -> bulletin")


@pytest.mark.parametrize("schedule", ["discovery", "per_game"])
def test_search_cannot_fan_out_over_step_output(schedule: str, tmp_path: Path) -> None:
    kinds = {
        "discovery": '{ kind: discovery, window: { start: "09:00", end: "10:00" }, budget: 2 }',
        "per_game": "{ kind: per_game, first: 1h, every: 30m, until: 2h }",
    }
    steps = """\
    steps:
      - scraper: event_list
      - { scraper: event_props, for_each: { step: event_list, key: event_id } }
"""
    (fault,) = faults(f"{HEAD}    schedule: {kinds[schedule]}\n{steps}", tmp_path)
    assert fault.startswith("10: ")
    assert "use schedule kind at, daily or interval" in fault


def test_game_id_of_per_game_workflow_may_not_be_given(tmp_path: Path) -> None:
    text = f"""{HEAD}\
    schedule: {{ kind: per_game, first: 1h, every: 30m, until: 2h }}
    steps:
      - scraper: box_score
        parameters: {{ game_id: "0022400001" }}
"""
    assert faults(text, tmp_path) == ["10: parameter 'game_id' is filled in already; remove it here"]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("America/New_York", "Amerika/New_York", 2, "a known zone; did you mean 'America/New_York'?"),
        (
            "America/New_York",
            "EST",
            2,
            "timezone = 'EST': a fixed offset, without summer time; write America/New_York",
        ),
        ("America/New_York", "the east", 2, "timezone = 'the east': not a known zone; use an IANA name"),
        ("scraper: slate", "scraper: slat", 3, "scraper 'slat' is not known"),
        ("scraper: slate", "scraper: slate, stale_after: 36", 3, "write hours and minutes"),
        ("version: 1", "version: 2", 1, "version = 2"),
        ("  one:", "  One:", 5, "One"),
        ("description: a fixture", 'description: ""', 6, "description = ''"),
        ("description: a fixture", "description: a\n    max_retries: -1", 7, "max_retries = -1"),
        ("description: a fixture", "description: a\n    priority: URGENT", 7, "priority = 'URGENT'"),
        (
            "description: a fixture",
            "description: a\n    description: b",
            7,
            "key 'description' is duplicated",
        ),
        ("description: a fixture", "descriptoin: a", 6, "unknown key 'workflows.one.descriptoin'"),
        ("timezone: America/New_York\n", "", 1, "key 'timezone' is missing; add it"),
        ("version: 1\n", "version: 1\nalerts: {}\n", 2, "unknown key 'alerts'"),
    ],
)
def test_a_bad_file_names_its_line(old: str, new: str, line: int, message: str, tmp_path: Path) -> None:
    """Alert settings were read by nothing (incident 37)."""
    found = faults((HEAD + AT + STEP).replace(old, new), tmp_path)
    assert any(fault.startswith(f"{line}: ") and message in fault for fault in found), found


def test_scraper_is_not_accepted_by_its_class_name(tmp_path: Path) -> None:
    """Scrapers logged under other names (incident 36)."""
    (fault,) = faults(HEAD + AT + STEP.replace("bulletin", "FixtureBulletinScraper".lower()), tmp_path)
    assert "scraper 'fixturebulletinscraper' is not known" in fault


def test_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    steps = "    steps:\n      - scraper: nobody\n      - { scraper: bulletin, after: [nowhere] }\n"
    found = faults(HEAD.replace("slate", "nothing") + AT + steps, tmp_path)
    assert [fault.split(":")[0] for fault in found] == ["3", "9", "10"]


def test_unknown_names_are_reported_beside_schema_faults(tmp_path: Path) -> None:
    """An invalid workflow hides neither the names in its valid steps nor the faults of other workflows."""
    head = HEAD.replace("slate", "slat").replace("  one:", "  one:\n    colour: red")
    text = f"""{head}{AT}\
    steps:
      - scraper: buletin
      - {{ scraper: bulletin, nmae: a }}
  two:
    description: a fixture
    schedule: {{ kind: at, times: ["06:00"], within: 5m }}
    steps:
      - {{ scraper: bulletin, after: [nowhere] }}
"""
    found = faults(text, tmp_path, QUARTER)
    assert [fault.split(":")[0] for fault in found] == ["11", "6", "3", "10", "16", "14"]
    assert "scraper 'buletin' is not known; did you mean 'bulletin'?" in found[3]


@pytest.mark.parametrize("workflows", ["3", "[one]", "{ one: 3 }", "{ one: { steps: 3 } }", "{ 1: {} }"])
def test_malformed_workflows_are_reported_at_their_line(workflows: str, tmp_path: Path) -> None:
    head = HEAD.partition("workflows:")[0]
    assert {fault.split(":")[0] for fault in faults(f"{head}workflows: {workflows}\n", tmp_path)} == {"4"}


@pytest.mark.parametrize(("text", "message"), [("", "the file is empty"), ("workflows: [", "not YAML")])
def test_empty_or_invalid_yaml_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (fault,) = faults(text, tmp_path)
    assert message in fault


WITHOUT_CALENDAR = HEAD.replace("calendar: { scraper: slate }\n", "")


def test_a_fleet_without_games_needs_no_calendar(tmp_path: Path) -> None:
    path = tmp_path / "workflows.yaml"
    path.write_text(f"{WITHOUT_CALENDAR}{AT}{STEP}")
    configuration = load_workflows(path, catalog())
    assert configuration.calendar_folder is None
    assert configuration.refresher is None
    assert not configuration.needing_games


def test_a_workflow_that_needs_games_needs_a_calendar(tmp_path: Path) -> None:
    schedule = "    schedule: { kind: per_game, first: 1h, every: 30m, until: 3h }\n"
    messages = faults(f"{WITHOUT_CALENDAR}{schedule}{STEP}", tmp_path)
    assert any("add at its top: calendar: {scraper: NAME}" in fault for fault in messages)


def test_calendar_scraper_may_not_need_games(tmp_path: Path) -> None:
    needing = next(spec.name for spec in catalog().values() if spec.needs_games)
    (fault,) = faults(f"{HEAD.replace('slate', needing)}{AT}{STEP}", tmp_path)
    assert f"{needing} needs games itself, so it cannot list them" in fault


def test_fan_out_above_the_maximum_is_refused_with_the_number(tmp_path: Path) -> None:
    step = "      - { scraper: event_props, for_each: { parameter: event_id, values: [a, b, c] } }\n"
    text = HEAD.replace("workflows:", "max_fan_out: 2\nworkflows:") + AT + "    steps:\n" + step
    (fault,) = faults(text, tmp_path)
    assert fault.startswith("10: ")
    assert "3 values make 3 requests, more than the limit of 2" in fault


SEARCH = """\
    schedule: { kind: discovery, window: { start: "11:00", end: "18:00" }, every: 30m }
"""
FIVE = timedelta(minutes=5)


def learned(settings: str = "strategy: learned", schedule: str = SEARCH, steps: str = STEP) -> str:
    return f"{HEAD}{schedule}    discovery: {{ {settings} }}\n{steps}"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            learned(schedule=AT),
            8,
            "only schedule kind discovery uses this key, and the kind is at; remove it",
        ),
        (learned("strategy: lerned"), 8, "strategy"),
        (learned("strategy: learned, gap: 1h"), 8, "unknown key 'workflows.one.discovery.gap'"),
        (learned("strategy: learned, price_per_attempt: -1"), 8, "price_per_attempt = -1"),
        (learned("strategy: learned, explore: 1.5"), 8, "explore = 1.5"),
        (learned("strategy: learned, max_gap: 4m"), 8, "max_gap is below 5m"),
        (
            learned(steps=f"{STEP}      - scraper: digest\n"),
            8,
            "2 steps have one publication time each, but only one time can be learned; make a workflow of each step",
        ),
        (
            learned(steps="    steps:\n      - { scraper: roster, for_each: team }\n"),
            8,
            "a step that fans out searches several documents, but only one publication time can be learned;"
            " remove for_each",
        ),
        (
            learned("strategy: learned, max_gap: 25m"),
            8,
            "15 attempts a day leave gaps over max_gap, 25 min, in a window of 420 min; raise max_gap",
        ),
    ],
)
def test_a_search_that_cannot_be_learned_is_refused(
    text: str, line: int, message: str, tmp_path: Path
) -> None:
    (fault,) = faults(text, tmp_path)
    assert fault.startswith(f"{line}: ")
    assert message in fault


def test_learned_search_needs_five_minute_ticks(tmp_path: Path) -> None:
    path = tmp_path / "workflows.yaml"
    path.write_text(learned())
    assert load_workflows(path, catalog(), QUARTER, FIVE).learned == ("one",)
    assert load_workflows(path, catalog(), FIVE).learned == ("one",)
    assert load_workflows(path, catalog()).learned == ("one",)
    (fault,) = faults(learned(), tmp_path, QUARTER)
    assert fault == (
        "8: times are learned in steps of 5 min, but ticks are 15 min apart;"
        " add to infra/ticks.yaml a tick `discover` with every_minutes: 5 and cadence_minutes: 5"
    )


def test_search_strategy_defaults_to_fixed(tmp_path: Path) -> None:
    path = tmp_path / "workflows.yaml"
    path.write_text(f"{HEAD}{SEARCH}{STEP}")
    configuration = load_workflows(path, catalog(), QUARTER)
    assert configuration.learned == ()
    assert configuration.workflows["one"].discovery.strategy == "fixed"


# The faulty line of a step that spans several lines


@pytest.mark.parametrize(
    ("steps", "line", "message"),
    [
        (
            "      - scraper: bulletin\n        name: a\n      - scraper: digest\n        name: a",
            12,
            "step 'a' is defined twice",
        ),
        (
            "      - scraper: bulletin\n      - parameters: {}\n        scraper: bulletin",
            11,
            "step 'bulletin' is defined twice",
        ),
        ("      - scraper: bulletin\n        after: [nowhere]", 10, "step 'nowhere' is not in this workflow"),
        (
            "      - scraper: event_props\n        for_each: { step: nowhere, key: event_id }",
            10,
            "step 'nowhere' is not in this workflow",
        ),
    ],
)
def test_fault_is_reported_at_line_of_its_key(steps: str, line: int, message: str, tmp_path: Path) -> None:
    found = faults(f"{HEAD}{AT}    steps:\n{steps}\n", tmp_path)
    assert any(fault.startswith(f"{line}: ") and message in fault for fault in found), found


@pytest.mark.parametrize(
    ("settings", "line"), [("max_gap: 25m\n      strategy: learned", 9), ("strategy: learned", 9)]
)
def test_unsatisfiable_max_gap_is_reported_at_its_line(settings: str, line: int, tmp_path: Path) -> None:
    """A default gap has no line, so the fault is at the strategy's line."""
    schedule = SEARCH.replace("every: 30m", "budget: 2")
    (fault,) = faults(f"{HEAD}{schedule}    discovery:\n      {settings}\n{STEP}", tmp_path)
    assert fault.startswith(f"{line}: 2 attempts a day leave gaps over max_gap")


def test_attempts_just_sufficient_for_max_gap_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "workflows.yaml"
    path.write_text(learned("strategy: learned, max_gap: 30m"))
    assert load_workflows(path, catalog()).learned == ("one",)
    (fault,) = faults(learned("strategy: learned, max_gap: 29m"), tmp_path)
    assert "let every or budget allow 17 attempts" in fault


def test_fan_out_of_exactly_the_maximum_is_accepted(tmp_path: Path) -> None:
    step = "      - { scraper: event_props, for_each: { parameter: event_id, values: [a, b] } }\n"
    path = tmp_path / "workflows.yaml"
    path.write_text(HEAD.replace("workflows:", "max_fan_out: 2\nworkflows:") + AT + "    steps:\n" + step)
    assert load_workflows(path, catalog()).workflows


@pytest.mark.parametrize(
    "text",
    [
        # A literal game where no schedule fills it in.
        f"{HEAD}{AT}    steps:\n      - {{ scraper: box_score, parameters: {{ game_id: '0022400001' }} }}\n",
        # Another parameter beside the game that the schedule fills in.
        f"{HEAD}    schedule: {{ kind: per_game, first: 1h, every: 30m, until: 2h }}\n    steps:\n"
        "      - { scraper: bulletin, parameters: { market: h2h } }\n",
    ],
)
def test_parameter_not_filled_by_schedule_may_be_given(text: str, tmp_path: Path) -> None:
    (tmp_path / "workflows.yaml").write_text(text)
    assert load_workflows(tmp_path / "workflows.yaml", catalog()).workflows


@pytest.mark.parametrize(("apart", "refused"), [(300, False), (301, True)])
def test_rate_limit_slower_than_check_interval_is_refused(apart: int, refused: bool, tmp_path: Path) -> None:
    spec = catalog()["bulletin"]
    limit = spec.rate_limit.model_copy(update={"per_second": 1 / apart})
    slow = {**catalog(), "bulletin": spec.model_copy(update={"rate_limit": limit})}
    path = tmp_path / "workflows.yaml"
    path.write_text(learned())
    if not refused:
        assert load_workflows(path, slow).learned == ("one",)
        return
    with pytest.raises(
        ConfigurationError, match=f"bulletin allows a request every {apart} s, but checks may be 300 s"
    ):
        load_workflows(path, slow)
