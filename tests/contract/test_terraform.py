"""infra/services.yaml and infra/ticks.yaml, compared with the code.

`make check-infra` runs the checks that need Terraform itself.
"""

import re
from datetime import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from gcp_emulators.pubsub.filters import parse
from tipoff_cli.checkout import ticks
from tipoff_common.catalog import load_catalog
from tipoff_common.events import EVENTS, Tick
from tipoff_common.settings import variable
from tipoff_common.topics import load_topics
from tipoff_dev.generate.settings_reference import SERVICES as SETTINGS
from tipoff_dev.stack.layout import SERVICES as PROCESSES

REPOSITORY = Path(__file__).parents[2]
TERRAFORM = REPOSITORY / "infra/terraform"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((REPOSITORY / "infra/services.yaml").read_text())[
    "services"
]
TOPICS = load_topics(REPOSITORY / "infra/topics.yaml")
CATALOG = load_catalog(REPOSITORY / "services/scraper-runner/scrapers")
PLATFORM = (TERRAFORM / "platform/main.tf").read_text()
SERVICE = (TERRAFORM / "modules/service/main.tf").read_text()
_SET = re.compile(r"^\s+(TIPOFF_\w+)\s+=", re.MULTILINE)
SHARED_VARIABLES = {
    *_SET.findall(PLATFORM.partition("  environment = merge(")[2].partition("\n}")[0]),
    *_SET.findall(SERVICE),
}
TOLD_ON_REQUEST = {
    *_SET.findall(PLATFORM.partition("  computed = {")[2].partition("\n  }")[0]),
    *re.findall(r"\{ (TIPOFF_\w+) = module\.", PLATFORM),  # set only where the module exists
}
UNPUBLISHED = {
    TOPICS.topic_of("tipoff.tick.fired.v1"),  # only matched on, never created
    TOPICS.topic_of("tipoff.scrape.requested.v1"),  # the runner creates one from a manual run, for itself
}
LOCAL_ONLY = {"TIPOFF_DEVELOPMENT_KEY", "TIPOFF_EVENT_TIME", "TIPOFF_FAKE_SOURCES"}


def variables_of(service: str) -> set[str]:
    entry = SERVICES[service]
    return SHARED_VARIABLES | {
        *entry.get("computed", ()),
        *entry.get("settings", {}),
        *entry.get("secrets", ()),
    }


def test_every_service_is_deployed() -> None:
    """Incident 25: one of two sides was never deployed."""
    assert SERVICES.keys() == SETTINGS.keys() == PROCESSES.keys()


@pytest.mark.parametrize("service", SERVICES)
def test_service_variables_include_required_and_only_declared_settings(service: str) -> None:
    model = SETTINGS[service]
    known = {variable(name, model) for name in model.model_fields}
    required = {variable(name, model) for name, field in model.model_fields.items() if field.is_required()}
    given = {name for name in variables_of(service) if name.startswith("TIPOFF_")}
    assert required <= given
    assert {"TIPOFF_AUDIENCE", "TIPOFF_PUSH_SERVICE_ACCOUNT"} <= given, (
        "required outside the local environment"
    )
    assert given <= known - LOCAL_ONLY


@pytest.mark.parametrize("service", SERVICES)
def test_rate_sharing_service_has_max_instances(service: str) -> None:
    """Incident 29: a service that counts too few instances would exceed the sources' rate limits."""
    shares = "max_instances" in SETTINGS[service].model_fields
    assert shares == ("TIPOFF_MAX_INSTANCES" in SERVICES[service].get("computed", ()))


def test_requested_computed_variables_are_defined() -> None:
    assert {name for entry in SERVICES.values() for name in entry.get("computed", ())} <= TOLD_ON_REQUEST


def test_runner_has_exactly_the_secrets_declared_by_scrapers() -> None:
    declared = {secret for spec in CATALOG.values() for secret in spec.secrets}
    assert declared == set(SERVICES["scraper-runner"]["secrets"])


@pytest.mark.parametrize("service", SERVICES)
def test_ack_deadlines_cover_service_timeout(service: str) -> None:
    deadlines = [it.ack_deadline_seconds for _, _, it in TOPICS.subscriptions() if it.service == service]
    assert min(deadlines) >= SERVICES[service]["timeout_seconds"]


def test_runner_timeout_exceeds_every_scraper_timeout() -> None:
    assert (
        max(spec.timeout_seconds for spec in CATALOG.values()) < SERVICES["scraper-runner"]["timeout_seconds"]
    )


def test_every_topic_has_a_publisher() -> None:
    """Incident 25: a topic without a publisher is silent."""
    published = {topic for entry in SERVICES.values() for topic in entry.get("publishes", ())}
    fed_otherwise = {
        TOPICS.topic_of("tipoff.tick.fired.v1"),  # Cloud Scheduler
        TOPICS.topic_of("tipoff.file.processed.v1"),  # Phase 2
        TOPICS.dead_letter_topic,  # every subscription
    }
    assert published | fed_otherwise == set(TOPICS.topics)


@pytest.mark.parametrize("service", SERVICES)
def test_declared_topics_cover_events_created_in_code(service: str) -> None:
    sources = "\n".join(
        path.read_text() for path in (REPOSITORY / "services" / service).glob("tipoff_*/*.py")
    )
    made = {
        TOPICS.topic_of(name)
        for name, model in EVENTS.items()
        if re.search(rf"\b{model.__name__}\(", sources)
    }
    assert made - UNPUBLISHED <= {*SERVICES[service].get("publishes", ()), TOPICS.dead_letter_topic}


def test_bootstrap_resources_wait_for_enabled_apis() -> None:
    """In a new project all APIs are off, and a request to a disabled API is refused."""
    text = "\n".join(path.read_text() for path in sorted((TERRAFORM / "bootstrap").glob("*.tf")))
    blocks = re.findall(r'^resource "(\w+)" "(\w+)" {\n(.*?)^}', text, re.MULTILINE | re.DOTALL)
    alone = ("google_project_service", "terraform_data")
    made = {f"{kind}.{name}": body for kind, name, body in blocks if kind not in alone}
    waiting = [
        name
        for name, body in made.items()
        if any(other in body for other in {"google_project_service.this", *made} - {name})
    ]
    assert made
    assert waiting == list(made)


class TestTicks:
    def test_every_tick_has_a_subscription(self) -> None:
        topic = TOPICS.topics[TOPICS.topic_of("tipoff.tick.fired.v1")]
        for tick in ticks():
            assert any(parse(it.filter)({"tick": tick.value}) for it in topic.subscriptions.values()), tick

    def test_every_subscribed_tick_is_in_the_map(self) -> None:
        topic = TOPICS.topics[TOPICS.topic_of("tipoff.tick.fired.v1")]
        fired = {
            tick
            for tick in Tick
            for it in topic.subscriptions.values()
            if parse(it.filter)({"tick": tick.value})
        }
        # Only a fleet with a learning workflow has this tick in its map; `tipoff validate` reports when it is missing.
        assert fired - {Tick.DISCOVER} == ticks().keys() - {Tick.DISCOVER}

    def test_schedule_is_locked_before_first_window_in_fleet_zone(self) -> None:
        """Incidents 12 and 13: ticks and windows followed two definitions of time."""
        document = yaml.safe_load((REPOSITORY / "config/workflows.yaml").read_text())
        lock = ticks()[Tick.LOCK_SCHEDULE]
        opening = [
            time.fromisoformat(workflow["schedule"]["window"]["start"])
            for workflow in document["workflows"].values()
            if "window" in workflow["schedule"]
        ]
        assert lock.time_zone is None  # the fleet's
        variables = (TERRAFORM / "platform/variables.tf").read_text()
        (variable,) = re.findall(r'variable "timezone" \{.*?default\s+= "(.*?)"', variables, re.DOTALL)
        assert variable == document["timezone"]
        assert lock.daily_at is not None
        assert lock.daily_at <= min(opening)


class TestDocuments:
    README = (TERRAFORM / "README.md").read_text()

    @pytest.mark.parametrize("root", ["bootstrap", "platform"])
    def test_every_variable_of_a_root_is_described(self, root: str) -> None:
        text = (TERRAFORM / root / "variables.tf").read_text()
        declared = re.findall(r'^variable "(\w+)"', text, re.MULTILINE)
        assert [name for name in declared if f"| `{name}` |" not in self.README] == []

    def test_guide_uses_no_unset_variable(self) -> None:
        guide = (REPOSITORY / "docs/DEPLOYMENT_GUIDE.md").read_text()
        blocks = re.findall(r"^ *```bash\n(.*?)^ *```", guide, re.MULTILINE | re.DOTALL)
        known, unknown = set[str](), list[str]()
        for line in "".join(blocks).splitlines():
            assigned = r"(\w+)=" if line.startswith("export ") else r"^(\w+)="
            known |= {*re.findall(assigned, line), *re.findall(r"\b(?:for|read -rs?) (\w+)", line)}
            # A digit is an argument of a function that the block defines.
            unknown += [name for name in re.findall(r"\$([A-Za-z_]\w*)", line) if name not in known]
        assert known
        assert unknown == []

    def test_guide_sets_every_secret(self) -> None:
        """Incident 25: one side required a setting that the other side lacked."""
        guide = (REPOSITORY / "docs/DEPLOYMENT_GUIDE.md").read_text()
        (secrets,) = re.findall(r"^for SECRET in (.*); do$", guide, re.MULTILINE)
        assert set(secrets.split()) == {name for it in SERVICES.values() for name in it.get("secrets", ())}

    def test_guide_empties_every_bucket(self) -> None:
        guide = (REPOSITORY / "docs/DEPLOYMENT_GUIDE.md").read_text()
        (emptied,) = re.findall(r"^buckets_to_empty = \[(.*?)\]", guide, re.MULTILINE | re.DOTALL)
        buckets = {"data", "archive", *(f"state-{name}" for name in SERVICES)}
        assert set(re.findall(r'"([\w-]+)"', emptied)) == buckets

    def test_every_environment_has_variables_for_each_root(self) -> None:
        for environment in ("dev", "prod"):
            found = {path.name for path in (TERRAFORM / "environments" / environment).glob("*.example")}
            assert found == {"bootstrap.tfvars.example", "platform.tfvars.example"}

    def test_every_module_has_an_example(self) -> None:
        modules = [path for path in (TERRAFORM / "modules").iterdir() if path.is_dir()]
        assert [path.name for path in modules if "```hcl" not in (path / "README.md").read_text()] == []


def test_runner_concurrency_default_matches_service_map() -> None:
    """The default is for a runner beside the stack, which no map configures.

    More threads would hold idle connections.
    """
    declared = SERVICES["scraper-runner"]["concurrency"]
    assert SETTINGS["scraper-runner"].model_fields["concurrency"].default == declared
