"""Identities as functions of content (uuid5), so that a repetition has the same identity."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from uuid import UUID, uuid5

NAMESPACE = UUID("8f2a3c1e-6d5b-5e0a-9a51-7469706f6666")


_CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_CANONICAL_OBJECT = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _id(kind: str, *parts: object) -> str:
    return _id_of(_CANONICAL.encode([kind, *map(str, parts)]))


# Cached: each evaluation derives the ids of the day's occurrences again, and an event's id is read in many places.
@lru_cache(maxsize=8_192)
def _id_of(canonical: str) -> str:
    return str(uuid5(NAMESPACE, canonical))


def occurrence_id(workflow: str, game_date: date, subject: str, slot: int) -> str:
    """Derive the id of an expected run.

    subject: the game, the team or "-". slot: the run's number within game date and subject, a function of its instant;
        after a game, of the time since tip-off, so that a rescheduled game keeps its occurrences.
    """
    return _id("occurrence", workflow, game_date.isoformat(), subject, slot)


def decision_id(occurrence: str, tick: datetime) -> str:
    """Derive the id of a decision: a SKIP at 11:00 and a RUN at 11:15 are two decisions about one occurrence."""
    return _id("decision", occurrence, tick.isoformat())


def request_id(occurrence: str, step: str, scraper: str, parameters: Mapping[str, str], attempt: int) -> str:
    """Derive the id that a request and its execution share; a retry is attempt + 1, hence another request."""
    canonical = _CANONICAL_OBJECT.encode(dict(parameters))
    return _id("request", occurrence, step, scraper, canonical, attempt)


def manual_occurrence_id(target: str, idempotency_key: str) -> str:
    """Derive the id of a manual run from the caller's Idempotency-Key."""
    return _id("manual", target, idempotency_key)


def schedule_row_id(occurrence: str, schedule_version: str, state: str) -> str:
    """Derive the id of a row of the locked schedule."""
    return _id("schedule-row", occurrence, schedule_version, state)


def event_id(event_type: str, *key: object) -> str:
    """Return the CloudEvents id of an event whose identity is `key`."""
    return _id("event", event_type, *key)


def content_hash(content: bytes) -> str:
    """Return the SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def short_hash(content: bytes) -> str:
    """Return the first 12 hexadecimal digits of the SHA-256: enough to tell configurations apart by eye."""
    return content_hash(content)[:12]
