"""Templates of the pages, and the single place that makes every value on a page harmless."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tipoff_common.clock import fleet_zone, zone_name
from tipoff_common.identity import short_hash
from tipoff_common.visible import visible

LONGEST = 1000
"""Maximum characters of one value on a page; the page's JSON has the whole of a 10 kB message."""
_BRIEF = 160
_REMEMBERED = 8192
"""Size of the caches of rendered texts, instants and addresses: a page repeats each, and so does the next page."""
STATIC = Path(__file__).with_name("static")


def presentable(value: Any) -> Any:
    """Return the printed form of a value: control and direction characters written out, long text cut.

    Jinja calls the function for each expression, and escapes its result; the console's own markup passes unchanged.
    """
    # Only this module makes Markup; Jinja prints numbers and None itself.
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    # Long texts bypass the cache: they are rare, and would fill it with their size.
    return _harmless(value) if len(value) <= LONGEST else _harmless.__wrapped__(value)


@lru_cache(_REMEMBERED)
def _harmless(text: str) -> str:
    text = visible(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text) - LONGEST:,} more characters)"


def brief(text: str) -> str:
    """Cut an error to the room of a table row."""
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}..."


@lru_cache(_REMEMBERED)
def _has_two_offsets(day: date, zone: tzinfo) -> bool:
    """Return whether the clocks change on a day, so that its times need a zone."""
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    # From midnight to midnight: on two days a year 01:30 occurs twice, or 02:30 not at all.
    return start.utcoffset() != (start + timedelta(days=1)).utcoffset()


def clock(instant: datetime | None, about: date | None = None, *, seconds: bool = False) -> str:
    """Write an instant in the fleet's zone: 19:30, with its date unless that is `about`, and its zone where a day has
    two."""
    return "-" if instant is None else _clock(instant, about, seconds, fleet_zone())


@lru_cache(_REMEMBERED)
def _clock(instant: datetime, about: date | None, seconds: bool, zone: tzinfo) -> str:
    local = instant.astimezone(zone)
    name = f" {local:%Z}" if _has_two_offsets(local.date(), zone) else ""
    shown = f"{local:%H:%M:%S}{name}" if seconds else f"{local:%H:%M}{name}"
    return shown if local.date() == about else f"{local:%a %d %b} {shown}"


def soon(instant: datetime, about: date) -> str:
    """Write an instant of the days around `about` for a narrow column: 19:30, Tue 05:00."""
    local = instant.astimezone(fleet_zone())
    # `clock` adds the zone on a day that has two; a weekday identifies a day only within a week.
    near = local.date() != about and abs((local.date() - about).days) < 7
    return f"{local:%a} {clock(instant, local.date())}" if near else clock(instant, about)


def ago(seconds: float | None) -> str:
    """Write an age in its largest meaningful unit: 40 s, 12 min, 3 h, 2 days."""
    if seconds is None:
        return "never"
    for size, unit in ((86400 * 2, "days"), (7200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / {'days': 86400, 'h': 3600, 'min': 60}[unit]:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


@lru_cache(_REMEMBERED)
def url(path: str, **query: str | None) -> Markup:
    """Return an address of the console, safe in an attribute: each part of the path and of the query is quoted."""
    parts = "/".join(quote(part, safe="") for part in path.split("/"))
    pairs = "&amp;".join(f"{name}={quote(value, safe='')}" for name, value in query.items() if value)
    return Markup(f"{parts}?{pairs}" if pairs else parts)  # noqa: S704  # quoted, part by part


def unabridged(text: str) -> Markup:
    """Escape a value that has to be sent back unchanged, such as that of a hidden field."""
    return escape(text)


@cache
def asset(name: str) -> str:
    """Return the address of a static file, which changes with its content so that browsers may cache it forever."""
    return f"/static/{name}?v={short_hash((STATIC / name).read_bytes())}"


@lru_cache(_REMEMBERED)
def percent(share: float) -> str:
    """Write a share of a drawing's width or height as an SVG percentage."""
    return f"{100 * share:.3f}%"


def pretty(value: Any) -> str:
    """Write a JSON value in indented lines."""
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True, default=str)


@cache
def environment() -> Environment:
    """Return the templates, with autoescape and with errors for undefined names."""
    found = Environment(
        loader=PackageLoader("tipoff_monitor.console"),
        autoescape=True,
        # A misspelt name fails the page's test instead of showing an empty cell at night.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=presentable,
    )
    found.globals.update(
        url=url, asset=asset, clock=clock, soon=soon, zone_name=zone_name, ago=ago, percent=percent
    )
    found.filters.update(brief=brief, pretty=pretty, tone=tone, unabridged=unabridged)
    return found


def render_in_parts(name: str, context: Mapping[str, Any]) -> Iterator[str]:
    """Render a template, its frame first: a browser fetches the styles while the long part is rendered."""
    pieces = environment().get_template(name).generate(context)
    frame: list[str] = []
    for piece in pieces:
        frame.append(piece)
        if "<main" in piece:
            break
    # Joined, never added: adding to Markup would escape the text before it a second time.
    yield "".join(frame)
    yield label_cells("".join(pieces))


def warm() -> None:
    """Compile every template, so that the first visitor does not wait for it."""
    found = environment()
    for name in found.list_templates(extensions=["html"]):
        found.get_template(name)


_TONES: Mapping[str, str] = {
    **dict.fromkeys(("success", "green", "ON_TIME", "RUN", "well", "found", "processed", "resolved"), "good"),
    **dict.fromkeys(
        ("yellow", "LATE", "WARNING", "acknowledged", "silenced", "republished", "waiting"), "warn"
    ),
    **dict.fromkeys(("failed", "red", "MISSING", "CRITICAL", "firing", "escalated", "lost", "ABORT"), "bad"),
    **dict.fromkeys(("PENDING", "no_data", "INFO", "pending"), "open"),
    "PAUSED": "paused",
}


def tone(word: str) -> str:
    """Return the CSS class of a status word; pages always show the word beside its color."""
    return _TONES.get(word, "quiet")


_TABLE = re.compile(r"<table.*?</table>", re.DOTALL)
_HEADING = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
_NOTHING = re.compile(r"[^<>]*>-?</td>")
_ROW = re.compile(r"<tr\b.*?</tr>", re.DOTALL)


def label_cells(html: str) -> str:
    """Write each table cell's heading into the cell as an attribute: on a phone, a row becomes a card with a label per
    cell. All markup here is the console's own: external text is escaped already and contains no cells."""

    def in_table(table: re.Match[str]) -> str:
        headings = _HEADING.findall(table[0])
        return _ROW.sub(lambda row: in_row(row[0], headings), table[0]) if headings else table[0]

    def in_row(row: str, headings: list[str]) -> str:
        before, *cells = row.split("<td")
        if not cells:
            return row  # the row of headings
        labelled = (in_cell(cell, heading) for heading, cell in zip(headings, cells, strict=True))
        return before + "".join(labelled)

    def in_cell(cell: str, heading: str) -> str:
        # An empty cell gets no line of a card.
        nothing = " data-nothing" if _NOTHING.match(cell) else ""
        content = cell.replace(">", "><span>", 1).replace("</td>", "</span></td>", 1)
        return f'<td data-label="{heading}"{nothing}{content}'

    return _TABLE.sub(in_table, html)


def render(name: str, context: Mapping[str, Any]) -> str:
    """Render a template."""
    return label_cells(environment().get_template(name).render(context))
