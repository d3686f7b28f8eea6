"""`docs/reference/workflows.md`: every key of `config/workflows.yaml`, read from its model."""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from tipoff_dev.generate.markdown import generated_from
from tipoff_dev.generate.model_tables import field_table
from tipoff_planning.schedules import At, Daily, Discovery, Interval, PerGame, Window
from tipoff_planning.workflows import (
    PLACEHOLDERS,
    CalendarSource,
    DiscoverySettings,
    ForEachOutput,
    ForEachValue,
    Step,
    Workflow,
    WorkflowsFile,
)

_INTRODUCTION = """\
# workflows.yaml

The workflows, their schedules and their steps. The services check the whole file at start: an unknown key, scraper,
parameter, window or zone is refused with file, line and remedy; `tipoff validate` does the same check. Editors can use
`config/workflows.schema.json`. [Plan a workflow](../how-to/plan-a-workflow.md) explains each step.

A time of day is written `"HH:MM"` in quotes, a duration as hours and minutes: `1h`, `90m`, `1h30m`."""
_SCHEDULES: Mapping[str, tuple[type[BaseModel], str, str]] = {
    "daily": (
        Daily,
        "Once a day: expected when the window opens, in time until it closes.",
        'kind: daily\nwindow: { start: "05:00", end: "10:00" }',
    ),
    "at": (
        At,
        "At fixed times of day; a run is in time until `within` after its time.",
        'kind: at\ntimes: ["09:00", "15:30"]\nwithin: 45m',
    ),
    "discovery": (
        Discovery,
        "Polls in the publication window until everything was found for the game date. Either `every` gives the "
        "interval between two attempts, or `budget` the number of attempts, spread evenly over the window.",
        'kind: discovery\nwindow: { start: "11:00", end: "18:00" }\nbudget: 8\nrefresh_after_found: 2h',
    ),
    "interval": (
        Interval,
        "At a fixed interval around the day's games, from before the first tip-off until after the last.",
        "kind: interval\nevery: 2h\nbefore_first_tip: 6h\nafter_last_tip: 30m",
    ),
    "per_game": (
        PerGame,
        "Relative to each game's tip-off, until that game is collected. The step's `game_id` is filled in.",
        "kind: per_game\nfirst: 2h30m\nevery: 30m\nuntil: 6h",
    ),
}
_LEARNED = """\
A workflow of kind `discovery` with one step, which does not fan out, can learn when its source publishes:

```yaml
schedule: { kind: discovery, window: { start: "11:00", end: "22:00" }, every: 30m }
discovery: { strategy: learned, price_per_attempt: 3.5, max_gap: 2h }
```

[Learned discovery](../explanation/learned-discovery.md) explains when learned times replace the fixed ones. `every` or
`budget` remains: it is used on days for which too little is known and for later versions of found documents, and its
number of attempts is the day's budget. Times are learned in steps of 5 minutes, so `infra/ticks.yaml` needs a tick
`discover` every 5 minutes, or a tick `evaluate` as often; `tipoff validate` checks that."""
_FAN_OUT = """\
A step with `for_each` makes one request for each value:

```yaml
steps:
  - scraper: oddsa_events
  - scraper: oddsa_player_props
    for_each: { step: oddsa_events, key: event_id } # each event that was found
  - scraper: espn_roster
    for_each: team # each team that plays; `game` for each game
  - scraper: espn_roster
    name: all_rosters
    for_each: { parameter: team, values: [ATL, BOS] } # each of these, games or none
```

A fan-out over a parent's output waits for the parent, and is released in batches that respect the host's rate. It has
no place in `discovery` and `per_game`, which end when everything was found."""


def workflows() -> str:
    """Write the reference of `config/workflows.yaml`."""
    parts = [
        generated_from("the model in `tipoff_planning.workflows`"),
        _INTRODUCTION,
        "## The file",
        _keys(WorkflowsFile),
        "## calendar",
        "The games from which windows are computed. A day's date is the league's, in New York.",
        _keys(CalendarSource),
        "## A workflow",
        "Steps that are fetched together, and their schedule.",
        _keys(Workflow),
        "## Schedules",
        "`kind` selects the kind of schedule. Workflows that need games (kinds `interval` and "
        "`per_game`, and scrapers that declare it) have nothing to do on a day without any.",
        *_schedules(),
        "### Window",
        _keys(Window),
        "## Learned times",
        _LEARNED,
        _keys(DiscoverySettings),
        "## Steps",
        "A step is settled when its data was found, when no data is published yet, or when its retries are used up. A "
        "child of a step without data is skipped, and the decision has the reason.",
        _keys(Step),
        f"In the text of `parameters`, {' and '.join(f'`{name}`' for name in PLACEHOLDERS)} are replaced: the game "
        "date, and the instant at which the attempt is expected.",
        "### for_each",
        _FAN_OUT,
        _keys(ForEachOutput),
        _keys(ForEachValue),
    ]
    return "\n\n".join(parts) + "\n"


def _schedules() -> Iterator[str]:
    for kind, (model, meaning, example) in _SCHEDULES.items():
        yield f"### {kind}"
        yield meaning
        yield f"```yaml\nschedule:\n{_indented(example)}\n```"
        yield _keys(model)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _keys(model: type[BaseModel]) -> str:
    """List a model's keys except `kind`, which the heading names."""
    fields = ((name, field) for name, field in model.model_fields.items() if name != "kind")
    return field_table("Key", fields, _LINKS)


_LINKS: Mapping[type, str] = {
    Workflow: "[workflow](#a-workflow)",
    CalendarSource: "[calendar](#calendar)",
    DiscoverySettings: "[learned times](#learned-times)",
    Step: "[step](#steps)",
    Window: "[window](#window)",
    ForEachOutput: "[output of a step](#for_each)",
    ForEachValue: "[given values](#for_each)",
    **{model: f"[{kind}](#{kind})" for kind, (model, _, _) in _SCHEDULES.items()},
}
