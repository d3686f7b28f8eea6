"""Common parts of all actions: the confirmation page, the result page, and the reading of form fields."""

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
"""The longest silence and the longest pause; the controller has the same limit for pauses."""
# Longer than a page waits, so that the page after an action shows its effect.
PATIENCE = Patience(10.0)
FormResult = tuple[str, str | None]
"""A sentence about the action's result, and the address that shows it."""


@dataclass(frozen=True)
class Field:
    """One visible field of a form."""

    name: str
    label: str
    value: str = ""
    kind: str = "text"
    required: bool = True


# Stateless: the form carries everything that its POST needs, so another instance may handle the POST.
def confirmation_page(
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
    """Return the confirmation page of an action.

    about, warnings, items: the texts of the page. hidden, fields: the fields of its form. possible: whether it has a
    form.
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
    """Log an action with its visitor, and return its result page. back: the address that the page links to."""
    log.info(
        "console action",
        extra={"who": visitor_email(request), "action": title, "results": [text for text, _ in results][:20]},
    )
    return HTMLResponse(
        page_html(request, deps, "done.html", section="", title=title, back=back, results=results)
    )


def visitor_email(request: Request) -> str:
    """Return the e-mail address of a request's visitor."""
    visitor: Visitor = request.state.visitor
    return visitor.email


def reason_of(form: Mapping[str, str]) -> str:
    """Return the reason from a form: 422 without one."""
    reason = form.get("why", "").strip()
    if not reason:
        # Checked although the form requires a reason: a POST need not come from the form.
        raise HTTPException(422, "missing reason; enter one, which is shown with the pause or silence")
    return reason


def date_of(text: str) -> str:
    """Return a date in ISO 8601: 422 for any other text."""
    try:
        return read_date(text).isoformat()
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


def hours_of(text: str) -> timedelta:
    """Return the duration from a number of hours: 422 for another text or too many hours."""
    try:
        # Hours may be a fraction. "inf" and "nan" are floats too: the first overflows, the second is no timedelta.
        lasts = timedelta(hours=float(text))
    except (ValueError, OverflowError) as error:
        raise HTTPException(422, f"hours: '{text[:20]}' is not a number; use one such as 2 or 0.5") from error
    if not timedelta() < lasts <= _LONGEST:
        raise HTTPException(
            422, f"hours: {text[:20]} is out of range; use more than 0 and at most {_LONGEST.days * 24}"
        )
    return lasts
