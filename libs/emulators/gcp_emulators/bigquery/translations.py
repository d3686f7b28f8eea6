"""Caches of translated statements."""

import functools
import hashlib
import inspect
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from bqemulator.catalog import ddl_sync
from bqemulator.catalog.memory_repository import MemoryCatalogRepository
from bqemulator.domain.result import Ok
from bqemulator.jobs import executor
from bqemulator.sql.translator import SQLTranslator
from bqemulator.udf import table_valued

from gcp_emulators.bigquery.patches import replace
from gcp_emulators.bigquery.text_cache import TextCache

Translate = Callable[..., Awaitable[str]]

_MOST_REMEMBERED = 256
"""Number of statements; a dataset's queries, commands and services have fewer."""
_LEADING_COMMENTS = r"\s*(?:--[^\n]*\n\s*)*"
_QUERY = re.compile(rf"{_LEADING_COMMENTS}(?:SELECT|WITH|\()", re.IGNORECASE)
_QUERY_OR_CREATION = re.compile(rf"{_LEADING_COMMENTS}(?:SELECT|WITH|\(|CREATE\b)", re.IGNORECASE)
_QUERY_OR_FUNCTION = re.compile(
    rf"{_LEADING_COMMENTS}(?:SELECT|WITH|\(|CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMP(?:ORARY)?\s+)?(?:(?:TABLE|AGGREGATE)\s+)?"
    r"FUNCTION\s+(?:IF\s+NOT\s+EXISTS\s+)?(?!AS\b)[\w`.-]+\s*\()",
    re.IGNORECASE,
)
"""A table may be named `function`, so a name and its parameters have to follow."""
_VOLATILE = re.compile(r"INFORMATION_SCHEMA|SYSTEM_TIME|_TABLE_SUFFIX|\*`|__TABLES__", re.IGNORECASE)
"""The translation of these statements depends on more than the tables' schemas."""
_CHANGES = (
    "create_dataset",
    "delete_dataset",
    "create_table",
    "delete_table",
    "create_routine",
    "update_routine",
    "delete_routine",
    "upsert_materialized_view",
    "delete_materialized_view",
    "create_row_access_policy",
    "update_row_access_policy",
    "delete_row_access_policy",
)
_CREATION_CHECKS = (
    "sync_created_schema",
    "sync_created_table",
    "sync_created_view",
)
_DROP_AND_WRITE_CHECKS = (
    "sync_dropped_object",
    "detect_drop_routine",
    "assert_drop_schema_allowed",
    "_reject_dml_on_immutable",
    "_maybe_run_routine_drop",
    "_capture_dml_snapshots",
)


class CatalogueVersion:
    """A counter of changes to the definitions of tables and routines; changes of rows do not count."""

    def __init__(self) -> None:
        self.number = 0

    def counting(self, change: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a method of the catalogue so that each call counts."""

        @functools.wraps(change)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.number += 1
            return change(*args, **kwargs)

        return counted

    def counting_shapes(self, update_table: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap the update of a table so that it counts unless only the rows changed: every insert updates their
        number."""

        @functools.wraps(update_table)
        def counted(catalog: Any, table: Any) -> Any:
            before = catalog.get_table(table.project_id, table.dataset_id, table.table_id)
            if before is None or _shape(before) != _shape(table):
                self.number += 1
            return update_table(catalog, table)

        return counted


def _shape(table: Any) -> tuple[Any, ...]:
    return (table.schema_, table.table_type, table.view_query, table.time_partitioning)


def keep_translations(folder: Path | None) -> None:
    """Fault: each start translates all functions of a dataset again, which is half of the time of a deployment.

    folder: keeps the translations; None keeps none.
    """
    if folder is None:
        return
    cache = TextCache(folder, version=translated_by())
    replace(SQLTranslator, "translate", lambda translate: keeping_translations(translate, cache))
    for module in (executor, table_valued):
        replace(module, "rewrite_table_refs", lambda rewrite: keeping_texts(rewrite, cache))
    replace(executor, "classify_statement_type", lambda classify: keeping_texts(classify, cache))


def translated_by() -> str:
    """Return the versions that a translation depends on beside its text: emulator, parser and the sources of the
    repairs."""
    repairs = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        repairs.update(source.read_bytes())
    return f"{metadata.version('bqemulator')} {metadata.version('sqlglot')} {repairs.hexdigest()}"


def keeping_translations(translate: Callable[..., Any], cache: TextCache) -> Callable[..., Any]:
    """Wrap `SQLTranslator.translate` with the cache on disk; refusals are not cached."""

    @functools.wraps(translate)
    def looked_up(translator: Any, sql: str, **context: Any) -> Any:
        arguments = (sql, sorted(context.items()))
        if (text := cache.get("translate", *arguments)) is not None:
            return Ok(text)
        answer = translate(translator, sql, **context)
        if isinstance(answer, Ok):
            cache.put(answer.value, "translate", *arguments)
        return answer

    return looked_up


def keeping_texts(function: Callable[..., str], cache: TextCache) -> Callable[..., str]:
    """Wrap a function from texts to a text with the cache on disk."""

    @functools.wraps(function)
    def looked_up(*arguments: str) -> str:
        if (text := cache.get(function.__name__, *arguments)) is not None:
            return text
        text = function(*arguments)
        cache.put(text, function.__name__, *arguments)
        return text

    return looked_up


def translate_a_text_once() -> None:
    """Fault: a query is translated again at each execution, which takes seconds for a query of a thousand lines.

    Parameters are bound after the translation, so other values do not change the text.
    """
    version = CatalogueVersion()
    for name in _CHANGES:
        replace(MemoryCatalogRepository, name, version.counting)
    replace(MemoryCatalogRepository, "update_table", version.counting_shapes)
    replace(executor, "rewrite_and_translate_statement", lambda it: remembering_translation(it, version))
    replace(executor, "rewrite_table_refs", functools.lru_cache(maxsize=_MOST_REMEMBERED))
    # Also serves the same dataset in a second project, and a deployment without changes.
    replace(SQLTranslator, "translate", remembering_plain_translation)


def remembering_plain_translation(translate: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `SQLTranslator.translate` with a cache of calls without context, as for the bodies of functions: their
    result depends only on the text, and is immutable."""
    known = functools.lru_cache(maxsize=_MOST_REMEMBERED)(lambda translator, sql: translate(translator, sql))

    @functools.wraps(translate)
    def remembered(translator: Any, sql: str, **context: Any) -> Any:
        return translate(translator, sql, **context) if context else known(translator, sql)

    return remembered


def skip_guards_of_queries() -> None:
    """Fault: a query is parsed and copied some fifteen times for checks that find no change in it.

    The checks take two thirds of a query's CPU time. The results that depend only on the text are cached. The checks
    for drops, creations and writes are skipped for a statement that begins as a query. Those for drops and writes are
    skipped for a statement that begins as a creation, and those for tables and views for the creation of a function.
    """
    for name in ("parse_script", "classify_statement_type"):  # their results are immutable
        replace(executor, name, functools.lru_cache(maxsize=_MOST_REMEMBERED))
    for name in _CREATION_CHECKS:
        replace(executor, name, _unless(_QUERY_OR_FUNCTION))
    replace(executor, "_guard_and_resolve_single_ddl", _unless(_QUERY))
    for name in _DROP_AND_WRITE_CHECKS:
        replace(executor, name, _unless(_QUERY_OR_CREATION))
    replace(ddl_sync, "_detect_plain_create_table", _unless(_QUERY_OR_FUNCTION))


def _unless(kind: re.Pattern[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a wrapper that returns None for a statement of a kind, given by position or by name, without calling the
    function."""

    async def nothing() -> None:
        return None

    def make(look: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(look)
        def looked(*args: Any, **named: Any) -> Any:
            texts = (it for it in (*args, named.get("bq_sql")) if isinstance(it, str))
            # A project may be named select-games; its name has no blank.
            if any(" " in text and kind.match(text) for text in texts):
                return nothing() if inspect.iscoroutinefunction(look) else None
            return look(*args, **named)

        return looked

    return make


def remembering_translation(translate: Translate, version: CatalogueVersion) -> Translate:
    """Return `rewrite_and_translate_statement` with a cache of queries, which is valid until the catalogue changes."""
    known: OrderedDict[tuple[object, ...], str] = OrderedDict()

    @functools.wraps(translate)
    async def remembered(sql: str, *, project_id: str, ctx: Any, caller: Any, translator: Any) -> str:
        own = {"project_id": project_id, "ctx": ctx, "caller": caller, "translator": translator}
        # With row policies the translation depends on the caller, with materialized views on their staleness.
        depends = ctx.catalog.list_all_row_access_policies() or ctx.catalog.list_all_materialized_views()
        if depends or not _QUERY.match(sql) or _VOLATILE.search(sql):
            return await translate(sql, **own)
        key = (version.number, project_id, sql)
        if key not in known:
            known[key] = await translate(sql, **own)
            while len(known) > _MOST_REMEMBERED:
                known.popitem(last=False)
        known.move_to_end(key)
        return known[key]

    return remembered
