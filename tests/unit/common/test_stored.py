"""Tests of state objects that hold a model as JSON."""

import logging

import pytest
from pydantic import BaseModel

from tipoff_common.stored import read_stored, write_stored
from tipoff_common.testing import MemoryObjects


class Note(BaseModel):
    text: str


def test_unreadable_object_is_logged_by_name_and_reads_as_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert read_stored(Note, "notes/1", b'{"text": "kept"}') == Note(text="kept")
    assert read_stored(Note, "notes/2", None) is None
    assert not caplog.records
    assert read_stored(Note, "notes/3", b'{"text": 3}') is None
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "notes/3" in record.message


def test_second_write_of_same_generation_is_refused() -> None:
    objects = MemoryObjects()
    assert write_stored(objects, "notes/1", b"first", None)
    assert not write_stored(objects, "notes/1", b"second", None)
    found = objects.read("notes/1")
    assert found
    assert write_stored(objects, "notes/1", b"third", found.generation)
    assert not write_stored(objects, "notes/1", b"fourth", found.generation)
    assert objects.get("notes/1") == b"third"
