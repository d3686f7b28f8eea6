"""Tests of `tipoff terraform`: the files for a fleet in its own repository. `make check-infra` plans them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tipoff_cli.checkout import REPOSITORY, Fleet, find_fleet
from tipoff_cli.commands.deploy.fleet_terraform import FOLDER, differing, terraform_files, write_terraform
from tipoff_common import __version__
from tipoff_common.service_map import load_services, map_faults
from tipoff_common.ticks import load_ticks
from tipoff_common.topics import load_topics
from tipoff_dev.fleet.repository import init_fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    init_fleet(tmp_path / "rivers", None, "Australia/Sydney")
    return find_fleet(tmp_path / "rivers")


def test_terraform_has_fleet_dataset_and_zone_without_foreign_secrets(fleet: Fleet) -> None:
    write_terraform(fleet)
    result = json.loads((fleet.folder / FOLDER / "platform/fleet.auto.tfvars.json").read_text())
    assert (result["dataset"], result["timezone"]) == ("rivers_orchestration", "Australia/Sydney")
    maps = fleet.folder / FOLDER / "maps"
    services, topics = load_services(maps / "services.yaml"), load_topics(maps / "topics.yaml")
    assert list(map_faults(services, topics, load_ticks(maps / "ticks.yaml"))) == []
    assert services["scraper-runner"].secrets == ()
    assert services["monitor"].secrets == load_services(REPOSITORY / "infra/services.yaml")["monitor"].secrets


def test_runner_receives_secrets_named_by_scrapers(fleet: Fleet) -> None:
    description = fleet.scrapers / "example/rivers_items/scraper.yaml"
    description.write_text(description.read_text() + "secrets: [GAUGES_KEY]\n")
    services = yaml.safe_load(terraform_files(fleet)[FOLDER / "maps/services.yaml"])["services"]
    assert services["scraper-runner"]["secrets"] == ["GAUGES_KEY"]


def test_all_terraform_files_of_tipoff_are_written(fleet: Fleet) -> None:
    written = set(terraform_files(fleet))
    source = REPOSITORY / FOLDER
    for path in (path for path in source.rglob("*.tf") if ".terraform" not in path.parts):
        assert path.relative_to(REPOSITORY) in written, path
    assert not [path for path in written if "tests" in path.parts]


def test_regeneration_updates_own_files_and_keeps_user_files(fleet: Fleet) -> None:
    write_terraform(fleet)
    assert differing(fleet) == []
    root = fleet.folder / FOLDER
    kept = [
        root / "environments/dev/platform.tfvars",
        root / "platform/.terraform.lock.hcl",
        root / "platform/no_state_override.tf",
        root / "modules/topic/.terraform/modules.json",
        root / "README.md",
        root / "push_images.sh",
        root / "maps/people.yaml",
    ]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine\n")
    gone = ("bootstrap/people.tf", "modules/topic/gone.tf")
    for name in gone:
        (root / name).write_text("# of an earlier Tipoff\n")
    fleet.workflows.write_text(fleet.workflows.read_text().replace("Australia/Sydney", "Asia/Tokyo"))
    ticks = fleet.folder / "infra/ticks.yaml"
    ticks.write_text(ticks.read_text() + "# slower\n")
    changed = sorted(FOLDER / name for name in (*gone, "maps/ticks.yaml", "platform/fleet.auto.tfvars.json"))
    assert differing(fleet) == changed
    assert write_terraform(fleet) == changed
    assert differing(fleet) == []
    assert [path.read_text() for path in kept] == ["mine\n"] * len(kept)


def test_build_script_uses_versioned_base_image_and_pushes_last(
    fleet: Fleet,
) -> None:
    write_terraform(fleet)
    docker = fleet.folder / "bin/docker"
    docker.parent.mkdir()
    docker.write_text('#!/bin/sh\necho "$*" >> "$DOCKER_LOG"\n')
    docker.chmod(0o755)
    log = fleet.folder / "docker.log"
    script = fleet.folder / FOLDER / "build_images.sh"
    subprocess.run(
        ["bash", script, "base", "registry", "abc", "logger", "cleanup"],
        check=True,
        env={"PATH": f"{docker.parent}:/usr/bin:/bin", "DOCKER_LOG": str(log)},
    )
    built, _, *pushed = log.read_text().splitlines()
    assert (
        f"--build-arg BASE=base/logger:{__version__} --build-arg COMMIT=abc --tag registry/logger:abc ."
        in built
    )
    assert pushed == ["push registry/logger:abc", "push registry/cleanup:abc"]
    shellcheck = Path(sys.executable).with_name("shellcheck")
    assert subprocess.run((shellcheck, script), check=False).returncode == 0
