"""The event log of a run: events outside of the services, which are the checker's only evidence."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded event."""

    at: float
    """Seconds since the simulation began."""
    kind: str
    by: str
    facts: Mapping[str, Any]
    """JSON values, by name."""

    def __getitem__(self, name: str) -> Any:
        return self.facts[name]

    def get(self, name: str) -> Any:
        """Return a fact, None when the entry has no fact of that name."""
        return self.facts.get(name)

    def __str__(self) -> str:
        hours, minutes, seconds = int(self.at) // 3600, int(self.at) // 60 % 60, self.at % 60
        facts = " ".join(f"{name}={_short(value)}" for name, value in self.facts.items())
        return f"{hours:02}:{minutes:02}:{seconds:06.3f} {self.kind:<8} {self.by:<17} {facts}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 160 else f"{text[:160]}..."


@dataclass
class EventLog:
    """All entries, in their order of time."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, at: float, kind: str, by: str, **facts: Any) -> None:
        """Append an entry."""
        self.entries.append(Entry(at, kind, by, facts))

    def of(self, *kinds: str) -> Iterator[Entry]:
        """Yield the entries of some kinds."""
        return (entry for entry in self.entries if entry.kind in kinds)

    def digest(self) -> str:
        """Return a hash over everything: two runs with the same hash are equal, to the last byte."""
        total = hashlib.sha256()
        for entry in self.entries:
            total.update(json.dumps([entry.at, entry.kind, entry.by, entry.facts], default=str).encode())
        return total.hexdigest()
