"""A Dockerfile's instructions, for tests that compare them with the needs of the services."""

from collections.abc import Mapping
from pathlib import Path

from dockerfile_parse import DockerfileParser


def read_stages(dockerfile: Path) -> Mapping[str, list[tuple[str, str]]]:
    """Read the instructions of each stage by its name, without FROM; those of the unnamed last stage under ""."""
    stages: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []  # ARG before the first FROM belongs to no stage
    for item in DockerfileParser(path=str(dockerfile), env_replace=False).structure:
        if item["instruction"] == "FROM":
            _, _, name = item["value"].partition(" AS ")
            current = stages.setdefault(name, [])
        elif item["instruction"] != "COMMENT":
            current.append((item["instruction"], item["value"]))
    return stages
