"""Terraform on a copy of the files that it reads, so that a check leaves nothing in the repository."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

from tipoff_cli.checkout import REPOSITORY

PARTS = ("infra", "schemas", "config")
TERRAFORM = "infra/terraform"
PROVIDERS = ("registry.terraform.io/hashicorp/google", "registry.terraform.io/hashicorp/google-beta")
_COMMAND_SECONDS = 300
_VALUES = "values.tfvars.json"
_PLAN = "check.tfplan"


class TerraformError(Exception):
    """A Terraform command failed; the message contains its output."""


@dataclass(frozen=True)
class Workspace:
    """A copy in `root`. Commands run in the given folder, with the provider that `environment` selects."""

    root: Path
    python: Path
    environment: Mapping[str, str]

    def run(self, folder: Path, *command: str) -> str:
        """Run a command in a folder; return its standard output. Raises TerraformError."""
        done = subprocess.run(  # noqa: S603  # the tools' own interpreter
            [self.python, "-m", "tipoff_dev.checks.terraform.command", *command],
            cwd=folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_SECONDS,
        )
        if done.returncode:
            output = done.stderr.strip() or done.stdout.strip()
            where = folder.relative_to(self.root / TERRAFORM)
            raise TerraformError(f"{where}: terraform {command[0]}: {output}")
        return done.stdout

    def plan(
        self,
        folder: Path,
        variables: str | None = None,
        values: Mapping[str, object] = {},
        options: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Plan a folder with a file of variables and with `values`; return the plan's JSON. Raises TerraformError."""
        given = [f"-var-file={variables}"] if variables else []
        if values:
            (folder / _VALUES).write_text(json.dumps(values))
            given.append(f"-var-file={_VALUES}")
        (folder / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
        if not (folder / ".terraform").exists():
            self.run(folder, "init", "-input=false", "-no-color")
        self.run(
            folder, "plan", "-input=false", "-no-color", "-lock=false", f"-out={_PLAN}", *given, *options
        )
        plan: dict[str, Any] = json.loads(self.run(folder, "show", "-json", _PLAN))
        return plan

    def apply(self, folder: Path) -> None:
        """Apply the last plan of a folder. Raises TerraformError."""
        self.run(folder, "apply", "-input=false", "-no-color", "-lock=false", _PLAN)


@contextmanager
def workspace(
    python: Path, provider: Mapping[str, str], repository: Path = REPOSITORY
) -> Iterator[Workspace]:
    """Copy the files that Terraform reads for the length of a block.

    provider: environment variables by which Terraform finds its provider.
    """
    with tempfile.TemporaryDirectory(prefix="tipoff-terraform-") as folder:
        root = Path(folder)
        for part in PARTS:
            copytree(repository / part, root / part, ignore=ignore_patterns(".terraform", "*.tfstate*"))
        settings = root / "terraform.rc"
        settings.write_text("disable_checkpoint = true\n")
        environment = {
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": str(settings),
            "TF_IN_AUTOMATION": "1",
            "PYTHONPATH": str(REPOSITORY / "devtools"),
            **provider,
        }
        yield Workspace(root, python, environment)


@contextmanager
def fake_provider(python: Path) -> Iterator[Mapping[str, str]]:
    """Run the fake provider for the length of a block; yield the variables by which Terraform finds it.

    Raises TerraformError.
    """
    with tempfile.TemporaryDirectory(prefix="tipoff-provider-") as folder:
        socket = f"{folder}/google.sock"
        process = subprocess.Popen(  # noqa: S603  # the tools' own interpreter
            [python, "-m", "tipoff_dev.checks.terraform.provider", socket],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "devtools")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise TerraformError("the fake provider does not start")
            attached = {
                "Protocol": "grpc",
                "ProtocolVersion": 6,
                "Pid": process.pid,
                "Test": True,
                "Addr": {"Network": "unix", "String": socket},
            }
            yield {"TF_REATTACH_PROVIDERS": json.dumps(dict.fromkeys(PROVIDERS, attached))}
            process.communicate()
