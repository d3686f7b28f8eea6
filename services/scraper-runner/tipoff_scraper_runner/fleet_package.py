"""Makes the folder of a fleet importable, wherever it lies, and finds which line of it failed."""

import importlib
import importlib.util
import sys
import traceback
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


def line_of_failure(error: BaseException, folder: Path) -> str | None:
    """Return `file:line` of the fleet's code at which `error` arose; None when none of the code in `folder` ran."""
    # A syntax error has no frame in the file that it stands in.
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        places = [(error.filename, error.lineno)]
    else:
        frames = traceback.extract_tb(error.__traceback__)
        places = [(frame.filename, frame.lineno or 1) for frame in reversed(frames)]
    root = folder.resolve()
    for name, line in places:
        file = Path(name).resolve()
        # The innermost of the fleet's own lines: what a library raises below it is mended here.
        if file.is_relative_to(root):
            return f"{folder / file.relative_to(root)}:{line}"
    return None
