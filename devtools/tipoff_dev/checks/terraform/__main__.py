"""`python -m tipoff_dev.checks.terraform [--require]`: checks of infra/terraform without a cloud.

    format         terraform fmt
    plans          plans of both roots with the example variables of each environment; both plans together are checked
                   against the plan policies, and by the services' own code for settings and ticks
    own fleet      the same for a fleet as `tipoff init` and `tipoff terraform` write it
    transitions    changes and refusals of later plans on an applied state
    tests          terraform test of every folder that has tests
    examples       a plan of every ```hcl block of the READMEs
    checkov        checkov with the skip list of infra/terraform/checks/checkov.yaml

Terraform uses a fake provider. If registry.terraform.io can be reached, the command also validates the roots and runs
the tests with the real provider.
"""

import argparse
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shutil import copytree, ignore_patterns

from tipoff_cli.checkout import REPOSITORY, find_fleet
from tipoff_cli.commands.deploy.fleet_terraform import write_terraform
from tipoff_dev.checks.terraform.plans import TerraformPlan
from tipoff_dev.checks.terraform.policies import findings
from tipoff_dev.checks.terraform.service_settings import settings_faults, tick_faults
from tipoff_dev.checks.terraform.tools import ToolsUnavailableError, tools_python
from tipoff_dev.checks.terraform.transitions import transition_faults
from tipoff_dev.checks.terraform.workspace import (
    TERRAFORM,
    TerraformError,
    Workspace,
    fake_provider,
    workspace,
)
from tipoff_dev.fleet.repository import init_fleet
from tipoff_dev.stack.layout import SERVICES

ROOTS = ("bootstrap", "platform")
ENVIRONMENTS = ("dev", "prod")
_REGISTRY = ("registry.terraform.io", 443)
_REGISTRY_SECONDS = 3.0
_HCL = re.compile(r"^```hcl\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Check:
    """One check with its name."""

    name: str
    run: Callable[[], list[str]]
    """Returns a line for each fault."""


def examples(terraform: Path) -> Iterator[tuple[str, str]]:
    """Yield every example in the READMEs as (file and line, text)."""
    for readme in sorted(terraform.rglob("README.md")):
        text = readme.read_text(encoding="utf-8")
        for match in _HCL.finditer(text):
            line = text[: match.start()].count("\n") + 1
            yield f"{readme.relative_to(terraform).as_posix()}:{line}", match[1]


def checks(offline: Workspace) -> Iterator[Check]:
    """Yield the checks that need no network."""
    terraform = offline.root / TERRAFORM
    yield Check("checkov", partial(checkov, offline))
    yield Check("terraform fmt", partial(formatted, offline))
    for environment in ENVIRONMENTS:
        yield Check(environment, partial(plan_environment, offline, environment))
    yield Check("a fleet in its own repository", partial(plan_own_fleet, offline))
    for name in ROOTS:
        yield Check(f"transitions of {name}", partial(transition_faults, offline, name))
    for folder in tested(terraform):
        yield Check(_name(folder, terraform), partial(run_tests, offline, folder))
    for number, (where, text) in enumerate(examples(terraform)):
        yield Check(where, partial(plan_example, offline, terraform / f"example-{number}", text))


def with_the_real_provider(online: Workspace) -> Iterator[Check]:
    """Yield the checks that need the registry."""
    terraform = online.root / TERRAFORM
    for name in ROOTS:
        yield Check(f"{name}, real provider", partial(validate, online, terraform / name))
    for folder in tested(terraform):
        yield Check(f"{_name(folder, terraform)}, real provider", partial(run_tests, online, folder))


def tested(terraform: Path) -> list[Path]:
    """Return the roots and modules that have tests."""
    return [terraform / name for name in ROOTS] + sorted(
        path.parent for path in terraform.glob("modules/*/tests")
    )


def plan_environment(place: Workspace, environment: str) -> list[str]:
    """Plan both roots as an owner and a deployment would, and check both plans together against the policies."""
    terraform = place.root / TERRAFORM
    variables = terraform / "environments" / environment
    deployed = {"environment": environment, "images": dict.fromkeys(SERVICES, "planned")}
    ci = {"repository": "acme@1234567/tipoff@123456789", "environment": environment}
    plan = planned(place, "platform", environment, variables, deployed).beside(
        planned(place, "bootstrap", environment, variables, {"ci": ci})
    )
    return [*map(str, findings(plan)), *settings_faults(plan), *tick_faults(plan)]


def plan_own_fleet(place: Workspace) -> list[str]:
    """Check the roots of a fleet, as `tipoff init` and `tipoff terraform` write them, against the same policies."""
    folder = place.root / "rivers"
    init_fleet(folder, None, "Australia/Sydney")
    write_terraform(find_fleet(folder))
    own = replace(place, root=folder)
    faults = plan_environment(own, "dev")
    for root in ROOTS:
        own.run(folder / TERRAFORM / f"{root}-dev", "validate", "-no-color")
    return faults


def planned(
    place: Workspace, root: str, environment: str, variables: Path, values: Mapping[str, object]
) -> TerraformPlan:
    """Plan a root in its own copy: the environments are planned concurrently, and a root has one state."""
    terraform = place.root / TERRAFORM
    folder = terraform / f"{root}-{environment}"
    copytree(terraform / root, folder, ignore=ignore_patterns(".terraform", "tests", "*.tfplan"))
    return TerraformPlan.read(place.plan(folder, str(variables / f"{root}.tfvars.example"), values))


def plan_example(place: Workspace, folder: Path, text: str) -> list[str]:
    """Plan an example of a module."""
    folder.mkdir()
    (folder / "main.tf").write_text(text)
    place.plan(folder)
    return []


def validate(place: Workspace, folder: Path) -> list[str]:
    """Validate a root with the real provider."""
    place.run(folder, "init", "-backend=false", "-input=false", "-no-color")
    place.run(folder, "validate", "-no-color")
    return []


def run_tests(place: Workspace, folder: Path) -> list[str]:
    """Run a folder's `terraform test`."""
    place.run(folder, "init", "-backend=false", "-input=false", "-no-color")
    place.run(folder, "test", "-no-color")
    return []


def _name(folder: Path, terraform: Path) -> str:
    return folder.relative_to(terraform).as_posix()


def formatted(place: Workspace) -> list[str]:
    """Run `terraform fmt -check`, which exits non-zero and names the files that it would change."""
    place.run(place.root / TERRAFORM, "fmt", "-check", "-recursive")
    return []


def checkov(place: Workspace) -> list[str]:
    """Run checkov; return a line for each fault."""
    terraform = place.root / TERRAFORM
    sources = place.root / "checkov"  # the committed files, without those that `terraform init` adds
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
    """Return whether the registry of providers can be reached."""
    try:
        socket.create_connection(_REGISTRY, timeout=_REGISTRY_SECONDS).close()
    except OSError:
        return False
    return True


def run_checks(todo: Sequence[Check], jobs: int) -> list[str]:
    """Run the checks, `jobs` at a time; return a line for each fault."""

    def run(check: Check) -> list[str]:
        try:
            faults = check.run()
        except TerraformError as error:
            faults = [str(error)]
        return [f"{check.name}: {fault}" for fault in faults]

    with ThreadPoolExecutor(jobs) as pool:
        return [fault for faults in pool.map(run, todo) for fault in faults]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks; return the exit code."""
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
    with fake_provider(python) as provider, workspace(python, provider) as offline:
        todo = list(checks(offline))
        faults = run_checks(todo, jobs=2)
    if registry_is_reachable():
        with workspace(python, {}) as online:
            real = list(with_the_real_provider(online))
            faults += run_checks(real, jobs=1)
            todo += real
    else:
        sys.stdout.write("registry.terraform.io cannot be reached: the fake provider alone\n")
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    sys.stdout.write(f"{len(todo)} checks of infra/terraform, {len(faults)} faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
