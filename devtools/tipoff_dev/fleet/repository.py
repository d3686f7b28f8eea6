"""A fleet in its own repository: `tipoff init` writes a fleet that validates, passes its tests and runs."""

import keyword
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tipoff_cli.checkout import find_shared
from tipoff_common import __version__
from tipoff_common.clock import read_zone
from tipoff_common.fleet_root import MARKER
from tipoff_dev.fleet.scaffold import ScaffoldRefused, fill, require_name, write_scraper

SOURCE = "example"


def init_fleet(folder: Path, name: str | None, time_zone: str) -> list[Path]:
    """Create `folder` with a fleet in it; return the files, relative to the folder.

    A temporary folder with the files replaces `folder`, so that a failure leaves no partial fleet.

    Raises:
        ScaffoldRefused: the folder is not empty, or the name or the time zone is not valid.
    """
    fleet = name or folder.resolve().name.replace("-", "_").lower()
    try:
        _require_package_name(fleet)
    except ScaffoldRefused as error:
        # Name the folder, as people did not write this name.
        origin = "" if name else f"the name of the folder '{folder.resolve().name}': "
        raise ScaffoldRefused(f"{origin}{error}; choose another with --name") from error
    try:
        read_zone(time_zone)
    except ValueError as error:
        raise ScaffoldRefused(f"--time-zone: '{time_zone}' is {error}") from error
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ScaffoldRefused(f"{folder} exists and is not empty; name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(draft, fleet, time_zone)
        written = sorted(path.relative_to(draft) for path in draft.rglob("*") if path.is_file())
        draft.chmod(0o755)  # mkdtemp grants access to the owner only
        draft.replace(folder)  # replaces an empty folder; fails for a folder that was filled meanwhile
    except OSError as error:
        raise ScaffoldRefused(f"{folder} cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return written


def _require_package_name(fleet: str) -> None:
    require_name(fleet)
    if keyword.iskeyword(fleet) or fleet in sys.stdlib_module_names:
        raise ScaffoldRefused(f"'{fleet}' is Python's own")
    if find_spec(fleet) is not None:
        raise ScaffoldRefused(f"'{fleet}' is a package that is installed here")


def _write(root: Path, fleet: str, time_zone: str) -> None:
    scraper = f"{fleet}_items"
    values = {
        "fleet": fleet,
        "time_zone": time_zone,
        "source": SOURCE,
        "scraper": scraper,
        "version": __version__,
    }
    files = {
        MARKER: "tipoff.toml.txt",
        "config/workflows.yaml": "workflows.yaml.txt",
        "tests/served.py": "served.py.txt",
        "README.md": "README.md.txt",
        "pytest.ini": "pytest.ini.txt",
        "requirements.txt": "requirements.txt.txt",
        ".github/workflows/check.yml": "ci.yml.txt",
        "Dockerfile": "Dockerfile.txt",
        ".dockerignore": "dockerignore.txt",
        ".gitignore": "gitignore.txt",
    }
    for path, template in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(fill(f"fleet/{template}", **values), encoding="utf-8")
    (root / "infra").mkdir()
    # The fleet gets its own copy of the ticks, so that its owner can change them for a faster window.
    ticks = find_shared("infra/ticks.yaml", root).read_text(encoding="utf-8")
    (root / "infra/ticks.yaml").write_text(ticks, encoding="utf-8")
    (root / fleet).mkdir()
    (root / fleet / "__init__.py").write_text(f'"""The scrapers of {fleet}."""\n', encoding="utf-8")
    write_scraper(root, scraper, SOURCE)
