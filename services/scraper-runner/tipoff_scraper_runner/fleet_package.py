"""Import of a fleet's folder from any location, and the line of a failure in it."""

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path

from tipoff_common.yaml_source import ConfigurationError


def importable_package(folder: Path) -> str:
    """Return the name by which the package in `folder` is imported; extend the import path if it has to be.

    A folder within packages is imported by its full dotted name, so that its modules can import their siblings.
    Raises ConfigurationError for a name that Python cannot import or that another package has.
    """
    folder = folder.resolve()
    # Go up to the first folder that is no package: the dotted name begins below it.
    root, name = folder.parent, folder.name
    while (root / "__init__.py").is_file():
        root, name = root.parent, f"{root.name}.{name}"
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigurationError([f"{folder}: Python cannot import the name '{name}'; rename the folder"])
    # Already importable, as the installed fleet is: leave the path unchanged.
    if folder in _found(name):
        return name
    # First on the path: the named fleet has precedence over an installed package of the same name.
    sys.path.insert(0, str(root))
    # Python caches folder listings, and would not find a folder that was created a moment ago.
    importlib.invalidate_caches()
    if folder not in (found := _found(name)):
        sys.path.remove(str(root))  # or every later import would search there first
        elsewhere = ", ".join(map(str, found)) or "nowhere"
        raise ConfigurationError(
            [
                f"{folder}: '{name}' is already imported from {elsewhere}; rename the folder or add an __init__.py"
            ]
        )
    return name


def _found(name: str) -> list[Path]:
    """Return the folders of the package of that name; empty when there is none."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return []
    places = spec.submodule_search_locations if spec is not None else None
    return [Path(place).resolve() for place in places or ()]


def line_of_failure(error: BaseException, folder: Path) -> str | None:
    """Return `file:line` in `folder` at which `error` arose; None when no frame of it is there."""
    # A syntax error has no frame in its own file.
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        places = [(error.filename, error.lineno)]
    else:
        frames = traceback.extract_tb(error.__traceback__)
        places = [(frame.filename, frame.lineno or 1) for frame in reversed(frames)]
    root = folder.resolve()
    for name, line in places:
        file = Path(name).resolve()
        # The innermost line of the fleet: an error raised by a library below has to be fixed there.
        if file.is_relative_to(root):
            return f"{folder / file.relative_to(root)}:{line}"
    return None
