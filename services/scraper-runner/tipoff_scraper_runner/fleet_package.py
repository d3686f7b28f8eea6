"""Makes the folder of a fleet importable, wherever it lies."""

import importlib
import importlib.util
import sys
from pathlib import Path

from tipoff_common.yaml_source import ConfigurationError


def importable_package(folder: Path) -> str:
    """Return the name by which the package in `folder` is imported; extend the import path if it has to be.

    A folder within packages is imported by its whole name, so that its modules can import what stands beside them.
    Raises ConfigurationError for a name that Python cannot import, or that another package has.
    """
    folder = folder.resolve()
    # Up to the first folder that is no package: its modules import by the name that begins there.
    root, name = folder.parent, folder.name
    while (root / "__init__.py").is_file():
        root, name = root.parent, f"{root.name}.{name}"
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigurationError(
            [f"{folder}: '{name}' is not a name that Python can import; rename the folder"]
        )
    # On the path already, as the installed fleet is: the path stays what it is.
    if folder in _found(name):
        return name
    # First on the path: the fleet that was named is meant, and not an installed package that is called the same.
    sys.path.insert(0, str(root))
    # Python remembers what it did not find; a folder that was written a moment ago would stay unfound.
    importlib.invalidate_caches()
    if folder not in (found := _found(name)):
        sys.path.remove(str(root))  # or every other import would be looked for there first
        elsewhere = ", ".join(map(str, found)) or "nowhere"
        raise ConfigurationError(
            [
                f"{folder}: '{name}' is imported from {elsewhere} already; rename the folder or add an __init__.py"
            ]
        )
    return name


def _found(name: str) -> list[Path]:
    """Return where the package of that name is imported from; nowhere when there is none."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return []
    places = spec.submodule_search_locations if spec is not None else None
    return [Path(place).resolve() for place in places or ()]
