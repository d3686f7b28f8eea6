"""The alert queries in the dataset's README: each with its rule, and every query without a rule is listed."""

import re

from tipoff_cli.checkout import REPOSITORY
from tipoff_monitor.loading import load_rules

QUERIES = REPOSITORY / "queries"
README = (REPOSITORY / "schemas/bigquery/nba_orchestration/README.md").read_text(encoding="utf-8")
LISTED = dict(re.findall(r"^\|[^|]+\| `(alert_\w+)` \| (.+) \|$", README, re.MULTILINE))
BOOK = load_rules(REPOSITORY / "config/alerts.yaml", QUERIES)
RULES = {rule.query: name for name, rule in BOOK.rules.items() if rule.query is not None}
"""The rule of each query, the last where several use it."""


def test_every_listed_query_names_its_rule() -> None:
    assert LISTED
    result = {query: None if rule.startswith("no: ") else rule.strip("`") for query, rule in LISTED.items()}
    assert result == {query: RULES.get(query) for query in LISTED}


def test_every_query_without_a_rule_is_listed() -> None:
    asked_by_hand = {path.stem for path in QUERIES.glob("alert_*.sql")} - set(RULES)
    assert asked_by_hand <= set(LISTED)
