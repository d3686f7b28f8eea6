"""The guide docs/how-to/deploy-a-fleet.md, followed command by command, with fakes that record gcloud and Terraform."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tipoff_cli.checkout import REPOSITORY, find_fleet
from tipoff_dev.fleet.repository import init_fleet

PAGE = REPOSITORY / "docs/how-to/deploy-a-fleet.md"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
PROJECT = "my-tipoff-dev"
# An owner's project after bootstrap; a state or an image does not exist yet.
GCLOUD = """#!/bin/sh
echo "gcloud $*" >> "$RECORDING"
case "$*" in
  "iam service-accounts list"*) sed 's/$/@my-tipoff-dev.iam.gserviceaccount.com/' "$ACCOUNTS" ;;
  "services list"*) cat "$APIS" ;;
  "secrets versions describe"*) echo enabled ;;
  "storage ls"* | "artifacts docker tags list"*) exit 1 ;;
esac
"""
TERRAFORM = """#!/bin/sh
echo "terraform $*" >> "$RECORDING"
"""


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def test_page_can_be_followed_up_to_plan_without_cloud(tmp_path: Path) -> None:
    init_fleet(tmp_path / "rivers", None, "Australia/Sydney")
    fleet, programs, recording = tmp_path / "rivers", tmp_path / "bin", tmp_path / "recording"
    program(programs, "gcloud", GCLOUD)
    program(programs, "terraform", TERRAFORM)
    program(programs, "tipoff", f'#!/bin/sh\nexec {sys.executable} -m tipoff_cli "$@"\n')
    services = yaml.safe_load((REPOSITORY / "infra/services.yaml").read_text())["services"]
    accounts = [
        "tipoff-build",
        "tipoff-scheduler",
        *(f"tipoff-{it}{end}" for it in services for end in ("", "-push")),
    ]
    (tmp_path / "accounts").write_text("\n".join(accounts) + "\n")
    apis = yaml.safe_load((REPOSITORY / "infra/terraform/apis.yaml").read_text())
    (tmp_path / "apis").write_text("\n".join(apis) + "\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIPOFF_", "CI"))}
    environment = {
        **kept,
        "PATH": f"{programs}:/usr/bin:/bin",
        "PROJECT": PROJECT,
        "RECORDING": str(recording),
        "ACCOUNTS": str(tmp_path / "accounts"),
        "APIS": str(tmp_path / "apis"),
        "COLUMNS": "200",
        **{f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    subprocess.run(["git", "init", "-q", fleet], check=True)

    output = ""
    for language, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language == "toml":
            with (fleet / "tipoff.toml").open("a") as marker:
                marker.write(text)
        if language != "sh":
            continue  # "text" is run in a checkout of Tipoff, "bash" needs the cloud
        script = f"set -e\n{text}"
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=fleet,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        output = done.stdout
        for file in (fleet / "infra/terraform/environments/dev").glob("*.tfvars"):
            # The reader's own edit: the example's members and billing account are placeholders.
            file.write_text(f'project = "{PROJECT}"\nnotification_emails = []\n')

    assert (
        "plan only; nothing is built or changed. To apply it: tipoff deploy dev --project my-tipoff-dev --apply"
        in output
    )
    assert "images of" in output
    commands = recording.read_text().splitlines()
    assert not [command for command in commands if "builds submit" in command]
    planned = next(command for command in commands if command.startswith("terraform") and " plan " in command)
    assert f"-chdir={fleet}/infra/terraform/platform" in planned
    assert f"-var-file={fleet}/infra/terraform/environments/dev/platform.tfvars" in planned
    for command in commands:
        for folder in re.findall(r"-chdir=(\S+)", command):
            assert (fleet / folder / "main.tf").is_file(), command
    assert find_fleet(fleet).base_images == "us-central1-docker.pkg.dev/my-images/tipoff-base"
