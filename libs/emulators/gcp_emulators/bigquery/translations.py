"""The translation of a statement, remembered."""

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

from gcp_emulators.bigquery.kept_texts import KeptTexts
from gcp_emulators.bigquery.patches import replace

Translate = Callable[..., Awaitable[str]]

_MOST_REMEMBERED = 256
"""Statements: those of a dataset's queries, commands and services are fewer."""
_LEADING_COMMENTS = r"\s*(?:--[^\n]*\n\s*)*"
_QUERY = re.compile(rf"{_LEADING_COMMENTS}(?:SELECT|WITH|\()", re.IGNORECASE)
_QUERY_OR_CREATION = re.compile(rf"{_LEADING_COMMENTS}(?:SELECT|WITH|\(|CREATE\b)", re.IGNORECASE)
_QUERY_OR_FUNCTION = re.compile(
    rf"{_LEADING_COMMENTS}(?:SELECT|WITH|\(|CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMP(?:ORARY)?\s+)?(?:(?:TABLE|AGGREGATE)\s+)?"
    r"FUNCTION\s+(?:IF\s+NOT\s+EXISTS\s+)?(?!AS\b)[\w`.-]+\s*\()",
    re.IGNORECASE,
)
"""A table may be called `function`, so a name and its parameters have to follow."""
_OF_THE_MOMENT = re.compile(r"INFORMATION_SCHEMA|SYSTEM_TIME|_TABLE_SUFFIX|\*`|__TABLES__", re.IGNORECASE)
"""What becomes of these depends on more than what tables are like."""
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
_LOOKS_FOR_CREATIONS = (
    "sync_created_schema",
    "sync_created_table",
    "sync_created_view",
)
_LOOKS_FOR_DROPS_AND_WRITES = (
    "sync_dropped_object",
    "detect_drop_routine",
    "assert_drop_schema_allowed",
    "_reject_dml_on_immutable",
    "_maybe_run_routine_drop",
    "_capture_dml_snapshots",
)


class CatalogueVersion:
    """Counts the changes of what tables and routines are like; rows that come and go are none."""

    def __init__(self) -> None:
        self.number = 0

    def counting(self, change: Callable[..., Any]) -> Callable[..., Any]:
        """Make a method of the catalogue count."""

        @functools.wraps(change)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.number += 1
            return change(*args, **kwargs)

        return counted

    def counting_shapes(self, update_table: Callable[..., Any]) -> Callable[..., Any]:
        """Make the update of a table count unless it is about its rows: every insert updates their number."""

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
    """Fault: each start translates all functions of a dataset anew, which is half of what it takes to deploy it.

    folder: where translations are kept; None keeps none.
    """
    if folder is None:
        return
    kept = KeptTexts(folder, made_by=translated_by())
    replace(SQLTranslator, "translate", lambda translate: keeping_translations(translate, kept))
    for module in (executor, table_valued):
        replace(module, "rewrite_table_refs", lambda rewrite: keeping_texts(rewrite, kept))
    replace(executor, "classify_statement_type", lambda classify: keeping_texts(classify, kept))


def translated_by() -> str:
    """Tell what a translation depends on beside its text: the emulator, the parser and the repairs, to the letter."""
    repairs = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        repairs.update(source.read_bytes())
    return f"{metadata.version('bqemulator')} {metadata.version('sqlglot')} {repairs.hexdigest()}"


def keeping_translations(translate: Callable[..., Any], kept: KeptTexts) -> Callable[..., Any]:
    """Make `SQLTranslator.translate` keep its answers on disk; what it refuses it refuses anew each time."""

    @functools.wraps(translate)
    def looked_up(translator: Any, sql: str, **context: Any) -> Any:
        arguments = (sql, sorted(context.items()))
        if (text := kept.get("translate", *arguments)) is not None:
            return Ok(text)
        answer = translate(translator, sql, **context)
        if isinstance(answer, Ok):
            kept.put(answer.value, "translate", *arguments)
        return answer

    return looked_up


def keeping_texts(function: Callable[..., str], kept: KeptTexts) -> Callable[..., str]:
    """Make a function that makes a text of texts keep its answers on disk."""

    @functools.wraps(function)
    def looked_up(*arguments: str) -> str:
        if (text := kept.get(function.__name__, *arguments)) is not None:
            return text
        text = function(*arguments)
        kept.put(text, function.__name__, *arguments)
        return text

    return looked_up


def translate_a_text_once() -> None:
    """Fault: a query is translated anew each time it is asked, which costs seconds for one of a thousand lines.

    Parameters are bound after the translation, so a text with other values is the same text.
    """
    version = CatalogueVersion()
    for name in _CHANGES:
        replace(MemoryCatalogRepository, name, version.counting)
    replace(MemoryCatalogRepository, "update_table", version.counting_shapes)
    replace(executor, "rewrite_and_translate_statement", lambda it: remembering_translation(it, version))
    replace(executor, "rewrite_table_refs", functools.lru_cache(maxsize=_MOST_REMEMBERED))
    # The same dataset in a second project, and in a deployment that changes nothing.
    replace(SQLTranslator, "translate", remembering_plain_translation)


def remembering_plain_translation(translate: Callable[..., Any]) -> Callable[..., Any]:
    """Make `SQLTranslator.translate` remember what it is asked without a schema and a caller, as it is for the bodies
    of functions: the answer is the text's alone then, and immutable."""
    known = functools.lru_cache(maxsize=_MOST_REMEMBERED)(lambda translator, sql: translate(translator, sql))

    @functools.wraps(translate)
    def remembered(translator: Any, sql: str, **context: Any) -> Any:
        return translate(translator, sql, **context) if context else known(translator, sql)

    return remembered


def examine_only_what_may_change_something() -> None:
    """Fault: a query is parsed and copied some fifteen times to learn each time that it changes nothing.

    Two thirds of a query's CPU time. What a text alone decides is remembered; what asks whether a statement drops,
    creates or writes something is not asked of one that begins as a query, which does none of it; whether it drops or
    writes not of one that begins as a creation, and whether it creates a table or a view not of a function.
    """
    for name in ("parse_script", "classify_statement_type"):  # their answers are immutable
        replace(executor, name, functools.lru_cache(maxsize=_MOST_REMEMBERED))
    for name in _LOOKS_FOR_CREATIONS:
        replace(executor, name, _unless(_QUERY_OR_FUNCTION))
    replace(executor, "_guard_and_resolve_single_ddl", _unless(_QUERY))
    for name in _LOOKS_FOR_DROPS_AND_WRITES:
        replace(executor, name, _unless(_QUERY_OR_CREATION))
    replace(ddl_sync, "_detect_plain_create_table", _unless(_QUERY_OR_FUNCTION))


def _unless(kind: re.Pattern[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function answer None for a statement of a kind without looking at it, however its text is given: by
    position or name."""

    async def nothing() -> None:
        return None

    def make(look: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(look)
        def looked(*args: Any, **named: Any) -> Any:
            texts = (it for it in (*args, named.get("bq_sql")) if isinstance(it, str))
            # A project may be called select-games; its name has no blank.
            if any(" " in text and kind.match(text) for text in texts):
                return nothing() if inspect.iscoroutinefunction(look) else None
            return look(*args, **named)

        return looked

    return make


def remembering_translation(translate: Translate, version: CatalogueVersion) -> Translate:
    """`rewrite_and_translate_statement`, remembering queries for as long as the catalogue stays as it is."""
    known: OrderedDict[tuple[object, ...], str] = OrderedDict()

    @functools.wraps(translate)
    async def remembered(sql: str, *, project_id: str, ctx: Any, caller: Any, translator: Any) -> str:
        own = {"project_id": project_id, "ctx": ctx, "caller": caller, "translator": translator}
        # Who asks and what is stale count where there are row policies and materialized views.
        depends = ctx.catalog.list_all_row_access_policies() or ctx.catalog.list_all_materialized_views()
        if depends or not _QUERY.match(sql) or _OF_THE_MOMENT.search(sql):
            return await translate(sql, **own)
        key = (version.number, project_id, sql)
        if key not in known:
            known[key] = await translate(sql, **own)
            while len(known) > _MOST_REMEMBERED:
                known.popitem(last=False)
        known.move_to_end(key)
        return known[key]

    return remembered
