"""All repairs, in the order of their application."""

from pathlib import Path

from gcp_emulators.bigquery import (
    appends,
    catalogue,
    dialect,
    engine,
    extracts,
    inserts,
    queries,
    translations,
)
from gcp_emulators.bigquery.patches import require_supported_version

REPAIRS = (
    appends.keep_offset_of_failed_append,
    appends.accept_stream_name_once,
    appends.append_nested_records,
    appends.append_absent_arrays_as_empty,
    appends.accept_load_from_json,
    dialect.parse_a_text_once,
    dialect.copy_trees_quickly,
    translations.translate_a_text_once,
    dialect.count_whole_units,
    dialect.write_null_as_json,
    dialect.read_quantiles_by_place,
    dialect.accept_comments_around_statements,
    catalogue.keep_declared_tables,
    catalogue.keep_added_columns,
    catalogue.keep_declared_views,
    catalogue.keep_declared_datasets,
    translations.skip_guards_of_queries,  # wraps the functions that the catalogue's repairs replaced
    inserts.answer_rows_one_by_one,
    queries.answer_failed_queries_with_errors,
    engine.start_without_downloads,
    engine.convert_without_pandas,
    engine.write_without_copies,
    engine.forget_old_results,
    # Last, so that the other repairs' wrappers of an append run on DuckDB's thread too.
    engine.keep_duckdb_on_one_thread,
)


def apply_all(storage_url: str | None, cache_dir: Path | None) -> None:
    """Apply every repair: once per process, on the event loop that will serve, before the server is built.

    storage_url: the object store that extract jobs write to; without one they fail with that reason.
    cache_dir: folder that keeps translations for the next start; None keeps none.

    Raises UnsupportedEmulatorError for another version of the emulator.
    """
    require_supported_version()
    extracts.extract_to_storage(storage_url)
    translations.keep_translations(cache_dir)  # before the in-memory caches, which wrap it
    for repair in REPAIRS:
        repair()
