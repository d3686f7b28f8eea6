"""A static check of the secrets that a scraper's code uses.

An undeclared secret is refused at start and not on the first night it is needed.
"""

import ast
import functools
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType

from tipoff_common.catalog import ScraperSpec


def secret_faults(module: ModuleType, spec: ScraperSpec) -> Iterator[str]:
    """Yield a fault for each secret that only one of scraper.yaml and the code names."""
    names = {name for part in _fleet_modules(module) for name in _secret_names(part)}
    for name in sorted(names - set(spec.secrets)):
        yield f"the code uses secret {name}; add it to 'secrets' in scraper.yaml"
    for name in sorted(set(spec.secrets) - names):
        yield f"secret {name} in scraper.yaml is not used in the code; remove it"


def _fleet_modules(module: ModuleType) -> Iterator[ModuleType]:
    """Yield `module` and every module of the fleet that it imports from, directly or not."""
    # <package of the fleet>.<source>.<name>.scraper
    fleet = f"{module.__name__.rsplit('.', 3)[0]}."
    waiting, seen = [module], {module.__name__}
    while waiting:
        part = waiting.pop()
        yield part
        for value in vars(part).values():
            name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            # The fleet's own modules only: a library's `secret` is unrelated.
            if isinstance(name, str) and name.startswith(fleet) and name in sys.modules and name not in seen:
                seen.add(name)
                waiting.append(sys.modules[name])


@functools.cache  # the fleet's common modules are parts of many scrapers
def _secret_names(part: ModuleType) -> frozenset[str]:
    """Return the argument of every call `….secret(…)`: a literal, or the value of a module constant."""
    names = set()
    source = inspect.getsource(part)
    if "secret" not in source:
        return frozenset()  # nearly all modules: parsing them all took a third of the runner's start
    for node in ast.walk(ast.parse(source)):
        if (
            not isinstance(node, ast.Call)
            or not isinstance(node.func, ast.Attribute)
            or node.func.attr != "secret"
        ):
            continue
        for argument in node.args:
            if isinstance(argument, ast.Constant):
                names.add(str(argument.value))
            elif isinstance(argument, ast.Name):
                names.add(str(getattr(part, argument.id, argument.id)))
    return frozenset(names)
