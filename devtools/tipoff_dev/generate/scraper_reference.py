"""`docs/reference/scrapers.md`: the fleet, read from its descriptions and the configuration."""

from collections.abc import Iterator

from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_common.catalog import Catalog, ScraperSpec, load_catalog
from tipoff_common.reproduce import scrape_command
from tipoff_dev.generate.markdown import generated_from, table
from tipoff_planning.loading import load_workflows
from tipoff_planning.workflows import Configuration

_INTRODUCTION = """\
# Scrapers

The scrapers of the fleet. Each scraper is a folder below `services/scraper-runner/scrapers`; the log, the command line
and `config/workflows.yaml` use the same name. `tipoff scrapers show NAME` prints the same facts, and
[add a scraper](../how-to/add-a-scraper.md) describes how to write another."""


def scrapers() -> str:
    """Write the reference of the scrapers."""
    catalog = load_catalog(SCRAPERS)
    configuration = load_workflows(WORKFLOWS, catalog)
    origin = generated_from("`services/scraper-runner/scrapers/*/*/scraper.yaml`")
    parts = [origin, _INTRODUCTION, _overview(catalog, configuration)]
    for spec in catalog.values():
        parts.extend(_section(spec))
    return "\n\n".join(parts) + "\n"


def _overview(catalog: Catalog, configuration: Configuration) -> str:
    rows = (
        (
            f"[{spec.name}](#{spec.name})",
            spec.source,
            ", ".join(_workflows(spec, configuration)) or "-",
            spec.description,
        )
        for spec in catalog.values()
    )
    return table(("Name", "Source", "Workflows", "Fetches"), rows)


def _workflows(spec: ScraperSpec, configuration: Configuration) -> list[str]:
    return [
        name
        for name, workflow in configuration.workflows.items()
        if any(step.scraper == spec.name for step in workflow.steps)
    ]


def _section(spec: ScraperSpec) -> Iterator[str]:
    yield f"## {spec.name}"
    yield f"{spec.description}."
    yield table(
        ("Parameter", "Type", "Required", "Meaning"),
        (
            (f"`{name}`", parameter.type, "yes" if parameter.required else "no", parameter.description)
            for name, parameter in spec.parameters.items()
        ),
    )
    yield table(("", ""), _facts(spec))
    yield f"```sh\n{scrape_command(spec)}\n```"


def _facts(spec: ScraperSpec) -> Iterator[tuple[str, str]]:
    yield "Output", f"`{spec.output_template}`"
    yield "Records of a success", f"{spec.assertions.min} to {spec.assertions.max}"
    yield "Not published yet", spec.not_published
    yield "A day without games", "nothing to fetch" if spec.needs_games else "fetched too"
    yield (
        "A past date",
        "can be fetched" if spec.has_past else "cannot be fetched: the source has only present data",
    )
    yield "Timeout", f"{spec.timeout_seconds:g} s, in which a request is tried {spec.retry.attempts} times"
    yield "Rate", f"{spec.rate_limit.per_second:g} a second and host"
    if spec.hosts:
        yield "Not requested while paused by", ", ".join(f"`{host}`" for host in spec.hosts)
    if spec.fan_out_keys:
        yield "Fans out", ", ".join(f"`{key}`" for key in spec.fan_out_keys)
    if spec.secrets:
        yield "Secrets", ", ".join(f"`{name}`" for name in spec.secrets)
