"""Common parts of all actions: the confirmation, the answer, and the reading of form fields."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from tipoff_common.clock import read_date
from tipoff_monitor.console.access import Visitor
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.gate import page_html
from tipoff_monitor.console.snapshots import Patience

log = logging.getLogger(__name__)
_LONGEST = timedelta(days=30)
"""Of a silence and of a pause; the controller has the same limit."""
# Longer than a page waits: whoever did something is to see it done on the page that follows.
PATIENCE = Patience(10.0)
FormResult = tuple[str, str | None]
"""A sentence about the action's result, and the address that shows it."""


@dataclass(frozen=True)
class Field:
    """One field of a form that somebody fills in."""

    name: str
    label: str
    value: str = ""
    kind: str = "text"
    required: bool = True


# No state of a question is kept: the form carries all that its POST needs, and another instance may answer it.
def ask(
    request: Request,
    deps: ConsoleDeps,
    doing: str,
    title: str,
    verb: str,
    back: str,
    about: Sequence[str],
    *,
    warnings: Sequence[str] = (),
    items: Sequence[str] = (),
    hidden: Mapping[str, str] = {},
    fields: Sequence[Field] = (),
    possible: bool = True,
) -> Response:
    """Ask before something is done.

    about, warnings, items: its texts. hidden, fields: what its form sends. possible: whether it has a form.
    """
    return HTMLResponse(
        page_html(
            request,
            deps,
            "confirm.html",
            section="",
            action=f"/actions/{doing}",
            title=title,
            verb=verb,
            back=back,
            about=about,
            warnings=warnings,
            items=items,
            hidden=hidden,
            fields=fields,
            possible=possible,
        )
    )


def done(
    request: Request, deps: ConsoleDeps, title: str, back: str, results: Sequence[FormResult]
) -> Response:
    """Log who did what, and return the page that says so. back: the address that it leads to."""
    log.info(
        "console action",
        extra={"who": who(request), "action": title, "results": [text for text, _ in results][:20]},
    )
    return HTMLResponse(
        page_html(request, deps, "done.html", section="", title=title, back=back, results=results)
    )


def who(request: Request) -> str:
    """Return the e-mail address of whoever sent a request."""
    visitor: Visitor = request.state.visitor
    return visitor.email


def reason_of(form: Mapping[str, str]) -> str:
    """Return the reason that a form gives: 422 without one."""
    reason = form.get("why", "").strip()
    if not reason:
        # Asked for although the form requires it: a POST need not come from the form.
        raise HTTPException(422, "say why; it is shown wherever somebody asks")
    return reason


def date_of(text: str) -> str:
    """Return a date as ISO 8601 has it: 422 for another text."""
    try:
        return read_date(text).isoformat()
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


def hours_of(text: str) -> timedelta:
    """Return how long something is to last: 422 for what is not a number of hours, or too many."""
    try:
        # Hours may be a fraction, and "inf" and "nan" are floats too: the first overflows, the second is no timedelta.
        lasts = timedelta(hours=float(text))
    except (ValueError, OverflowError) as error:
        raise HTTPException(
            422, f"hours: '{text[:20]}' is not a number; write one such as 2 or 0.5"
        ) from error
    if not timedelta() < lasts <= _LONGEST:
        raise HTTPException(
            422, f"hours: {text[:20]} is out of range; write more than 0 and at most {_LONGEST.days * 24}"
        )
    return lasts
