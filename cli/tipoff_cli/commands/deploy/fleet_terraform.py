"""Terraform for a fleet in its own repository: Tipoff's roots and modules, with the fleet's settings beside them.

`tipoff terraform` writes all of `infra/terraform` but the files of variables and the provider's locks. Fleets commit
these files: a newer Tipoff shows as a difference, and the deployment guide's commands work there unchanged.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from json import dumps
from pathlib import Path

from tipoff_cli.checkout import REPOSITORY, Fleet, find_shared, read_timezone
from tipoff_common import __version__
from tipoff_common.catalog import load_catalog

FOLDER = Path("infra/terraform")
MAPS = ("services", "topics", "ticks")
_PARTS = ("bootstrap", "platform", "modules", "environments")
_SUFFIXES = frozenset({".tf", ".example"})
_SETTINGS = "fleet.auto.tfvars.json"
"""File that Terraform always reads; not *.tfvars, which git ignores."""
_RUNNERS_SECRETS = re.compile(r"(^  scraper-runner:\n(?:(?:    .*)?\n)*?)    secrets: .*\n", re.MULTILINE)


def terraform_files(fleet: Fleet) -> Mapping[Path, str]:
    """Return the content of the fleet's infra/terraform, by paths relative to the fleet's folder.

    Raises ConfigurationError for a description of a scraper that cannot be read.
    """
    source = _source()
    copied = {
        FOLDER / path.relative_to(source): path.read_text(encoding="utf-8")
        for part in _PARTS
        for path in sorted((source / part).rglob("*"))
        if path.is_file() and path.suffix in _SUFFIXES and ".terraform" not in path.parts
    }
    maps = {FOLDER / f"maps/{name}.yaml": _map(name, fleet) for name in MAPS}
    common = {"dataset": fleet.dataset, "services_file": "../maps/services.yaml"}
    others = {f"{name}_file": f"../maps/{name}.yaml" for name in MAPS if name != "services"}
    platform = {**common, **others, "timezone": read_timezone(fleet.workflows)}
    return {
        **copied,
        **maps,
        FOLDER / "apis.yaml": (source / "apis.yaml").read_text(encoding="utf-8"),
        FOLDER / ".gitignore": (source / ".gitignore").read_text(encoding="utf-8"),
        FOLDER / f"bootstrap/{_SETTINGS}": dumps(common, indent=2) + "\n",
        FOLDER / f"platform/{_SETTINGS}": dumps(platform, indent=2) + "\n",
        FOLDER / "build_images.sh": _template("build_images.sh"),
        FOLDER / "cloudbuild.yaml": _template("cloudbuild.yaml"),
    }


def differing(fleet: Fleet) -> list[Path]:
    """List the files of the fleet's infra/terraform that this Tipoff would write with other content, or remove."""
    wanted = terraform_files(fleet)
    changed = [path for path, text in wanted.items() if _text(fleet.folder / path) != text]
    return sorted([*changed, *_leftovers(fleet, wanted)])


def write_terraform(fleet: Fleet) -> list[Path]:
    """Bring the fleet's infra/terraform up to date; return the files that were written or removed."""
    wanted, changed = terraform_files(fleet), differing(fleet)
    for path in changed:
        file = fleet.folder / path
        if path not in wanted:
            file.unlink()
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(wanted[path], encoding="utf-8")
    return changed


def _leftovers(fleet: Fleet, wanted: Mapping[Path, str]) -> Iterator[Path]:
    """Yield files of an earlier Tipoff that this version no longer writes and Terraform would still read."""
    root = fleet.folder / FOLDER
    # Spare other files: a leftover script or map does no harm, and may belong to the fleet.
    for path in (file for part in _PARTS for file in (root / part).rglob("*")):
        relative = path.relative_to(fleet.folder)
        # Spare the fleet's own overrides, which Terraform finds by this suffix.
        read = (path.suffix == ".tf" and not path.name.endswith("_override.tf")) or path.name == _SETTINGS
        if read and relative not in wanted and ".terraform" not in path.parts:
            yield relative


def _source() -> Path:
    """Return the folder of Tipoff's own Terraform: the checkout's, or the installed package's copy."""
    checkout = REPOSITORY / FOLDER
    return checkout if checkout.is_dir() else Path(__file__).parents[2] / FOLDER


def _map(name: str, fleet: Fleet) -> str:
    """Return the fleet's own map, or Tipoff's; Tipoff's map of services gets the fleet's secrets for the runner."""
    path = find_shared(f"infra/{name}.yaml", fleet.folder)
    text = path.read_text(encoding="utf-8")
    if name != "services" or path.is_relative_to(fleet.folder):
        return text
    return _with_secrets(
        text, sorted({it for spec in load_catalog(fleet.scrapers).values() for it in spec.secrets})
    )


def _with_secrets(services: str, secrets: Sequence[str]) -> str:
    line = f"    secrets: [{', '.join(secrets)}]\n" if secrets else ""
    text, count = _RUNNERS_SECRETS.subn(lambda found: f"{found[1]}{line}", services, count=1)
    if not count:
        raise AssertionError("infra/services.yaml: scraper-runner has no secrets to be replaced")
    return text


def _template(name: str) -> str:
    text = (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
    return text.replace("@VERSION@", __version__)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
