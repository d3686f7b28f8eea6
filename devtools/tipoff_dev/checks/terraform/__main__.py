"""`python -m tipoff_dev.checks.terraform [--require]`: infra/terraform, checked without a cloud.

    format     terraform fmt
    plans      every root with its terraform.tfvars.example, which validates it, and an environment with what bootstrap
               makes for it; held against the plan policies, and against what the services make of their settings and
               the ticks
    tests      terraform test of every folder that has tests
    examples   every ```hcl block of the READMEs, planned
    checkov    with the skip list of infra/terraform/checks/checkov.yaml

Terraform talks to a stand-in for the provider. Where registry.terraform.io can be reached, roots are validated and
tests run with the real one too.
"""

import argparse
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import copytree, ignore_patterns

import yaml

from tipoff_cli.checkout import REPOSITORY
from tipoff_dev.checks.terraform.plans import Plan
from tipoff_dev.checks.terraform.policies import Excuse, Finding, findings
from tipoff_dev.checks.terraform.service_settings import settings_faults, tick_faults
from tipoff_dev.checks.terraform.tools import ToolsUnavailableError, tools_python
from tipoff_dev.checks.terraform.workspace import (
    TERRAFORM,
    TerraformError,
    Workspace,
    stand_in,
    workspace,
)
from tipoff_dev.stack.layout import SERVICES

ROOTS = ("bootstrap", "environments/dev", "environments/prod")
_VARIABLES = "terraform.tfvars.example"
_REGISTRY = ("registry.terraform.io", 443)
_REGISTRY_SECONDS = 3.0
_HCL = re.compile(r"^```hcl\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Check:
    """One thing to find out; `run` answers with a line for each fault."""

    name: str
    run: Callable[[], list[str]]


def examples(terraform: Path) -> Iterator[tuple[str, str]]:
    """(where it stands, its text) of every example in the READMEs."""
    for readme in sorted(terraform.rglob("README.md")):
        text = readme.read_text(encoding="utf-8")
        for match in _HCL.finditer(text):
            line = text[: match.start()].count("\n") + 1
            yield f"{readme.relative_to(terraform).as_posix()}:{line}", match[1]


def excuses(terraform: Path) -> list[Excuse]:
    return [Excuse(**entry) for entry in yaml.safe_load((terraform / "checks/excused.yaml").read_text())]


def unexcused(found: Sequence[Finding], allowed: Sequence[Excuse]) -> list[str]:
    """Findings that nobody gave a reason for."""
    return [str(finding) for finding in found if not any(excuse.covers(finding) for excuse in allowed)]


def idle(found: Sequence[Finding], allowed: Sequence[Excuse]) -> list[str]:
    """Excuses that excuse nothing any more."""
    return [
        f"excused.yaml: {excuse.policy} at {excuse.address} excuses nothing; drop it"
        for excuse in allowed
        if not any(excuse.covers(finding) for finding in found)
    ]


def checks(offline: Workspace, found: list[Finding]) -> Iterator[Check]:
    """Those with the stand-in. found: gathers the findings of the plans."""
    terraform = offline.root / TERRAFORM
    yield Check("checkov", partial(checkov, offline))
    yield Check("terraform fmt", partial(formatted, offline))
    for name in ROOTS:
        yield Check(name, partial(plan_root, offline, terraform / name, found))
    for folder in tested(terraform):
        yield Check(_name(folder, terraform), partial(run_tests, offline, folder))
    for number, (where, text) in enumerate(examples(terraform)):
        yield Check(where, partial(plan_example, offline, terraform / f"example-{number}", text))


def with_the_real_provider(online: Workspace) -> Iterator[Check]:
    terraform = online.root / TERRAFORM
    for name in ROOTS:
        yield Check(f"{name}, real provider", partial(validate, online, terraform / name))
    for folder in (terraform / "bootstrap", *tested(terraform)):
        yield Check(f"{_name(folder, terraform)}, real provider", partial(run_tests, online, folder))


def tested(terraform: Path) -> list[Path]:
    """The modules that have tests; the tests of a root run with its plan."""
    return sorted(path.parent for path in terraform.glob("modules/*/tests"))


def plan_root(place: Workspace, folder: Path, found: list[Finding]) -> list[str]:
    deployed = {} if folder.name == "bootstrap" else {"images": dict.fromkeys(SERVICES, "planned")}
    plan = Plan.read(place.plan(folder, _VARIABLES, deployed))
    if folder.parent.name == "environments":
        plan = plan.beside(bootstrap_of(place, folder))
    faults = findings(plan)
    found.extend(faults)
    allowed = excuses(place.root / TERRAFORM)
    if (folder / "tests").is_dir():
        place.run(folder, "test", "-no-color")
    return [*unexcused(faults, allowed), *settings_faults(plan), *tick_faults(plan)]


def bootstrap_of(place: Workspace, environment: Path) -> Plan:
    """What an owner applies before the environment."""
    terraform = place.root / TERRAFORM
    folder = terraform / f"bootstrap-{environment.name}"
    copytree(terraform / "bootstrap", folder, ignore=ignore_patterns(".terraform", "tests", "*.tfplan"))
    return Plan.read(place.plan(folder, str(environment / _VARIABLES)))


def plan_example(place: Workspace, folder: Path, text: str) -> list[str]:
    folder.mkdir()
    (folder / "main.tf").write_text(text)
    place.plan(folder)
    return []


def validate(place: Workspace, folder: Path) -> list[str]:
    place.run(folder, "init", "-backend=false", "-input=false", "-no-color")
    place.run(folder, "validate", "-no-color")
    return []


def run_tests(place: Workspace, folder: Path) -> list[str]:
    place.run(folder, "init", "-backend=false", "-input=false", "-no-color")
    place.run(folder, "test", "-no-color")
    return []


def _name(folder: Path, terraform: Path) -> str:
    return folder.relative_to(terraform).as_posix()


def formatted(place: Workspace) -> list[str]:
    """`terraform fmt` exits non-zero and names the files that it would change."""
    place.run(place.root / TERRAFORM, "fmt", "-check", "-recursive")
    return []


def checkov(place: Workspace) -> list[str]:
    terraform = place.root / TERRAFORM
    sources = place.root / "checkov"  # as they are committed, without what init leaves
    copytree(REPOSITORY / TERRAFORM, sources, ignore=ignore_patterns(".terraform"))
    done = subprocess.run(  # noqa: S603  # the tools' own
        [
            place.python.with_name("checkov"),
            "--directory",
            str(sources),
            "--config-file",
            str(terraform / "checks/checkov.yaml"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return [done.stdout.strip() or done.stderr.strip()] if done.returncode else []


def registry_is_reachable() -> bool:
    try:
        socket.create_connection(_REGISTRY, timeout=_REGISTRY_SECONDS).close()
    except OSError:
        return False
    return True


def run_checks(todo: Sequence[Check], jobs: int) -> list[str]:
    """Runs all, two at a time; a line for each fault."""

    def run(check: Check) -> list[str]:
        try:
            faults = check.run()
        except TerraformError as error:
            faults = [str(error)]
        return [f"{check.name}: {fault}" for fault in faults]

    with ThreadPoolExecutor(jobs) as pool:
        return [fault for faults in pool.map(run, todo) for fault in faults]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tipoff_dev.checks.terraform", description="Checks infra/terraform without a cloud."
    )
    parser.add_argument("--require", action="store_true", help="fail where the tools cannot be had")
    required = parser.parse_args(arguments).require
    try:
        python = tools_python()
    except ToolsUnavailableError as error:
        sys.stdout.write(f"infra/terraform is not checked: {error}\n")
        return 1 if required else 0
    found: list[Finding] = []
    with stand_in(python) as provider, workspace(python, provider) as offline:
        todo = list(checks(offline, found))
        faults = run_checks(todo, jobs=2)
        if not faults:
            faults = idle(found, excuses(offline.root / TERRAFORM))
    if registry_is_reachable():
        with workspace(python, {}) as online:
            real = list(with_the_real_provider(online))
            faults += run_checks(real, jobs=1)
            todo += real
    else:
        sys.stdout.write("registry.terraform.io cannot be reached: the stand-in alone, no real provider\n")
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    excused = len(found) - len(unexcused(found, excuses(REPOSITORY / TERRAFORM)))
    sys.stdout.write(
        f"{len(todo)} checks of infra/terraform, {len(faults)} faults, {excused} findings excused\n"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
