"""A pytest plugin that changes one operator of a module at a time and reports the changes that no test notices.

make mutate FILE=libs/planning/tipoff_planning/plans.py TESTS=tests/unit/planning/test_plans.py

Each mutant is tried in a fork of the process that has collected the tests. The fork replaces the code of the module's
functions in place, so that no mutant costs an import; statements outside of functions stay as they are.
"""

from __future__ import annotations

import ast
import gc
import math
import os
import random
import resource
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType

import pytest

SECONDS, TIMES = 5, 5
"""CPU time of one mutant's tests, beyond a multiple of the unchanged module's: an endless loop counts as noticed."""
IDLE_SECONDS, IDLE_CPU = 5.0, 0.01
"""A mutant whose tests use no more CPU time within this waits forever, which counts as noticed too."""
_PASSED, _FAILED, _NOT_IN_PLACE = 0, 1, 2
_OPPOSITES: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """A module with one change: the line, with the code before and after the change."""

    line: int
    before: str
    after: str
    tree: ast.Module

    def __str__(self) -> str:
        return f"line {self.line}: {self.before}  ->  {self.after}"


def mutants(source: str) -> Iterator[Mutant]:
    """Return the module once for each change of a function's body."""
    for place, (_, changes) in enumerate(_places(ast.parse(source))):
        for number in range(len(changes)):
            tree = ast.parse(source)  # a change modifies the tree
            node, fresh = _places(tree)[place]
            before = ast.unparse(node)
            fresh[number]()
            after = ast.unparse(ast.fix_missing_locations(node))
            yield Mutant(getattr(node, "lineno", 0), before, after, tree)


def _places(tree: ast.AST) -> list[tuple[ast.AST, list[Callable[[], None]]]]:
    """Return the nodes within functions that can be changed, each with its changes."""
    found: list[tuple[ast.AST, list[Callable[[], None]]]] = []

    def walk(node: ast.AST, inside: bool) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for statement in node.body:
                walk(statement, True)
            return
        if isinstance(node, ast.JoinedStr):
            return  # texts for people
        if inside and (changes := list(_changes(node))):
            found.append((node, changes))
        for child in ast.iter_child_nodes(node):
            if not (isinstance(node, ast.AnnAssign) and child is node.annotation):
                walk(child, inside)

    walk(tree, False)
    return found


def _replace_operator(node: ast.Compare, place: int, opposite: type[ast.AST]) -> None:
    node.ops[place] = opposite()  # type: ignore[call-overload]  # an operator of the same kind


def _changes(node: ast.AST) -> Iterator[Callable[[], None]]:
    match node:
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                if opposite := _OPPOSITES.get(type(operator)):
                    yield partial(_replace_operator, node, place, opposite)
        case ast.BoolOp() | ast.BinOp():
            if opposite := _OPPOSITES.get(type(node.op)):
                yield lambda: setattr(node, "op", opposite())
        case ast.UnaryOp(op=ast.Not()):
            twice = ast.copy_location(ast.UnaryOp(ast.Not(), node.operand), node)
            yield lambda: setattr(node, "operand", twice)
        case ast.Constant(value=bool()):
            yield lambda: setattr(node, "value", not node.value)
        case ast.Constant(value=int(number)):
            yield lambda: setattr(node, "value", number + 1)
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            yield lambda: setattr(node.func, "id", _CALLS[name])
        case ast.IfExp():
            either, other = node.body, node.orelse

            def exchange() -> None:
                node.body, node.orelse = other, either

            yield exchange
        case ast.Return(value=ast.expr()) if not (
            isinstance(node.value, ast.Constant) and node.value.value is None
        ):
            yield lambda: setattr(node, "value", ast.Constant(None))


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mutation")
    group.addoption("--mutate", metavar="FILE", help="change this module")
    group.addoption("--mutants", type=int, metavar="N", help="so many of its mutants, drawn from all")
    group.addoption("--mutated-lines", metavar="N,N", help="only the mutants of these lines")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Try the mutants instead of running the tests."""
    option = session.config.option
    if not option.mutate or option.collectonly:
        return None
    path = Path(option.mutate).resolve()
    found = list(mutants(path.read_text(encoding="utf-8")))
    if option.mutated_lines:
        lines = {int(line) for line in option.mutated_lines.split(",")}
        found = [mutant for mutant in found if mutant.line in lines]
    if option.mutants is not None:
        random.Random(0).shuffle(found)  # noqa: S311 - the same ones in every run
        found = found[: option.mutants]
    own, writer = f"test_{path.stem}.", session.config.get_terminal_writer()
    # The module's own tests first, and examples before properties: most mutants fail early.
    session.items.sort(key=lambda it: (own not in it.nodeid, hasattr(getattr(it, "obj", None), "hypothesis")))
    if _try(session, lambda: True) != _PASSED:
        raise pytest.UsageError("the tests fail without any change; mend them first")
    sound = resource.getrusage(resource.RUSAGE_CHILDREN)
    limit = SECONDS + math.ceil(TIMES * (sound.ru_utime + sound.ru_stime))
    survivors = 0
    functions = _living_functions(path)
    for mutant in found:
        ended = _try(session, partial(_exchange, path, mutant.tree, functions), limit)
        # Report it as loudly as a survivor: a change without a function in place would look like a noticed one.
        if ended in (_PASSED, _NOT_IN_PLACE):
            survivors += 1
            writer.line(f"{'survived' if ended == _PASSED else 'not tried'} {option.mutate} {mutant}")
    writer.line(f"{len(found)} mutants of {option.mutate}, {survivors} survived")
    return True


def _try(session: pytest.Session, prepare: Callable[[], bool], limit: int | None = None) -> int:
    """Run the tests in a fork after `prepare`, up to the first failure; return the fork's exit code.

    limit: seconds of CPU time.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        session.config.pluginmanager.unregister(name="terminalreporter")  # discard the mutants' failures
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            threading.Thread(target=_end_when_idle, daemon=True).start()
        if not prepare():
            os._exit(_NOT_IN_PLACE)
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                os._exit(_FAILED)
        os._exit(_PASSED)
    finally:
        os._exit(_FAILED)  # in any case: the fork must not continue as a second session


def _end_when_idle() -> None:
    while True:
        before = time.process_time()
        time.sleep(IDLE_SECONDS)
        if time.process_time() - before < IDLE_CPU:
            os._exit(_FAILED)


def _living_functions(path: Path) -> list[FunctionType]:
    """Return the module's functions. A search in each fork would copy the page of every object."""
    # The suite freezes all collected objects, and gc.get_objects omits frozen ones.
    gc.unfreeze()
    living = [
        item
        for item in gc.get_objects()
        if isinstance(item, FunctionType) and Path(item.__code__.co_filename) == path
    ]
    gc.freeze()
    return living


def _exchange(path: Path, tree: ast.Module, functions: Iterable[FunctionType]) -> bool:
    """Replace the code of these functions of the module with this tree's. Return whether any was there."""
    changed = {
        (code.co_qualname, code.co_firstlineno): code
        for code in _codes(compile(tree, str(path), "exec", dont_inherit=True))
    }
    exchanged = 0
    for function in functions:
        code = changed.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
        if code is not None and len(code.co_freevars) == len(function.__code__.co_freevars):
            function.__code__ = code
            exchanged += 1
    return exchanged > 0


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)
