"""Tests of the commands in the README."""

import re

from tipoff_cli.checkout import REPOSITORY
from tipoff_cli.commands import all_commands

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_readme_query_commands_exist_without_placeholders() -> None:
    """One command named a file that a clone does not have."""
    (block,) = re.findall(r"^## Ask it$.*?```bash\n(.*?)```", README, flags=re.MULTILINE | re.DOTALL)
    commands = [line.partition("  #")[0].strip() for line in block.splitlines()]
    names = {command.split()[1] for command in commands if command.startswith(".venv/bin/tipoff ")}
    assert len(names) > 8
    assert names <= {spec.name for spec in all_commands()}
    # A word in capitals is a placeholder.
    assert set(re.findall(r"\b[A-Z][A-Z_-]*\b", "\n".join(commands))) <= {"AM", "PM"}
