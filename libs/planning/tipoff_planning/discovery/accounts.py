"""Account of the plan behind a decision: a sentence for people, and context fields for queries."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import JsonValue

from tipoff_planning.discovery.plans import DiscoveryPlan, Purpose

if TYPE_CHECKING:  # occurrences imports plans
    from tipoff_planning.occurrences import Occurrence

QUANTILES = (0.1, 0.5, 0.9)
"""Quantiles of the publication time in a decision's context, as shares of the days that publish."""


def explain_check(occurrence: "Occurrence", plan: DiscoveryPlan | None) -> str:
    """Explain in a sentence why a search looks at this time; empty for a search that does not learn."""
    if plan is None:
        return ""
    if plan.fallback is not None:
        return f" On the fixed beat: {plan.detail}."
    number = plan.number(occurrence.expected)
    # A refresh slot of the fixed beat, for which no check was planned.
    if number is None or plan.model is None:
        return ""
    check = plan.checks[number - 1]
    why = {
        Purpose.LIKELY: f"on {check.probability:.0%} of days it finds the document",
        Purpose.MAX_GAP: f"no gap is longer than {plan.max_gap_minutes} minutes",
        Purpose.WINDOW_END: "the window closes",
    }[check.purpose]
    return f" Check {number} of {len(plan.checks)} by model {plan.model.version}: {why}."


def discovery_context(occurrence: "Occurrence", plan: DiscoveryPlan | None) -> Mapping[str, JsonValue]:
    """Describe the plan of a decision's day under the key `discovery`; empty for a search that does not learn.

    The dataset's view of predicted against observed days reads these keys, so they are part of the contract.
    """
    if plan is None:
        return {}
    account: dict[str, JsonValue] = {
        "strategy": "fixed" if plan.fallback else "learned",
        "opens": plan.opens.isoformat(),
        "window_minutes": plan.window_minutes,
        "budget": plan.budget,
    }
    if plan.fallback is not None:
        account |= {"fallback": plan.fallback.value, "detail": plan.detail}
    if (model := plan.model) is not None:
        account |= {
            "model": model.version,
            "days": model.days,
            "first_day": model.first_day.isoformat() if model.first_day else None,
            "last_day": model.last_day.isoformat() if model.last_day else None,
            "calibration": model.calibration,
            "probability_in_window": round(sum(model.masses), 4),
        }
        for share in QUANTILES:
            instant = plan.quantile(share)
            account[f"p{round(100 * share)}"] = instant.isoformat() if instant else None
    if plan.fallback is None:
        number = plan.number(occurrence.expected)
        account |= {
            "checks": [plan.at(check).isoformat() for check in plan.checks],
            "check": number,
            "purpose": plan.checks[number - 1].purpose.value if number else None,
            "probability": plan.checks[number - 1].probability if number else None,
            "expected_delay_minutes": plan.expected_delay_minutes,
            "expected_checks": plan.expected_checks,
        }
    return {"discovery": account}
