"""The smoke test, on the stack that all tests share: its events come back as rows."""

from __future__ import annotations

from datetime import date

from stack_harness import Driver, at

from tipoff_cli.commands.smoke.proofs import draft_proofs, prove
from tipoff_common.wall_clock import wall_now


def test_every_smoke_test_event_becomes_a_row(driver: Driver, day: date) -> None:
    proofs = draft_proofs("nbac_schedule", "local", wall_now(), event_time=at(day, 6, 7))
    results = prove(proofs, driver.stack.publisher, driver.stack.warehouse, 30.0)
    assert [(result.proof.what, result.fault) for result in results] == [
        ("a decision", None),
        ("a cleanup", None),
        ("a scrape", None),
    ]
    assert results[2].row["status"] == "success"
