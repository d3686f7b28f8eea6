"""Tests of the mutation runner: it reports the change that no test detects, and only that one."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.mutation import mutants

REPOSITORY = Path(__file__).parents[2]
MODULE = """
LIMIT = 3

def may(count, limit=LIMIT):
    return count < limit and not is_odd(count)

def is_odd(count):
    return count % 2 == 1
"""
TESTS = """
from module import is_odd, may

def test_it():
    assert may(0)
    assert not may(1)
    assert not may(4)
    assert is_odd(3)
"""


def test_each_operator_within_a_function_is_changed_once() -> None:
    assert sorted((mutant.line, mutant.after) for mutant in mutants(MODULE)) == [
        (5, "count < limit or not is_odd(count)"),
        (5, "count <= limit"),
        (5, "not not is_odd(count)"),
        (5, "return None"),
        (8, "2"),
        (8, "3"),
        (8, "count % 2 != 1"),
        (8, "return None"),
    ]


def test_surviving_mutant_is_named(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(MODULE)
    (tmp_path / "test_module.py").write_text(TESTS)
    # As in the suite's own conftest, so that the garbage collector has nothing to scan.
    (tmp_path / "conftest.py").write_text("import gc\n\ndef pytest_collection_finish():\n    gc.freeze()\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-p", "tests.support.mutation", "--mutate", "module.py", "test_module.py"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    output = [
        line.partition("survived ")[2] for line in done.stdout.splitlines() if "survived module" in line
    ]
    assert output == ["module.py line 5: count < limit  ->  count <= limit"]
    assert "8 mutants of module.py, 1 survived" in done.stdout
