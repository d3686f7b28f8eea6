"""Google's reference implementation of GoogleSQL, executing queries on rows held in memory.

The server that analyzes statements (tipoff_dev.checks.sql.zetasql) also evaluates them. Its answers are Google's own,
so they show differences between BigQuery and the embedded warehouse, another engine behind a translator.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import grpc

from tipoff_dev.checks.sql.zetasql import Analyzer, SqlFault, running_analyzer

_EVALUATE_SECONDS = 60.0
_COMMENT = re.compile(r"--[^\n]*")
_NAME = re.compile(r"\w+")
_DAY_ZERO = date(1970, 1, 1)
_TEXT_FIELDS = {
    "STRING": "string_value",
    "JSON": "json_value",
    "BOOL": "bool_value",
    "INT64": "int64_value",
    "DOUBLE": "double_value",
}
"""Types whose values are sent as Python has them, with the field that takes them."""

Rows = Sequence[Mapping[str, Any]]
"""Rows as insertAll accepts them: JSON values, an absent column is NULL."""


@dataclass(frozen=True)
class TypedValue:
    """A query parameter: its SQL type, such as `TIMESTAMP`, and its value."""

    kind: str
    value: Any
    repeated: bool = False
    """Whether the value is an array of that type."""


@dataclass(frozen=True)
class _Function:
    """A table function, or a view, which has no arguments."""

    arguments: tuple[str, ...]
    body: str

    def called_with(self, given: tuple[str, ...]) -> str:
        """Return the body, with each argument replaced by the expression that the call gives for it."""
        body = self.body
        values = dict(zip(self.arguments, given, strict=True))
        if not values:
            return body
        return re.sub(rf"(?<![.\w])({'|'.join(values)})\b", lambda word: f"({values[word[1]]})", body)


class ReferenceEngine:
    """The tables, views and table functions of one dataset, and the queries over them."""

    def __init__(self, analyzer: Analyzer, dataset: str) -> None:
        self._analyzer, self._protocol = analyzer, analyzer.protocol
        self._qualifier = re.compile(rf"`?\b(?:[\w-]+\.)?{re.escape(dataset)}\.(\w+)`?")
        self._columns: dict[str, dict[str, Any]] = {}
        self._functions: dict[str, _Function] = {}

    def define(self, sql: str) -> None:
        """Register the tables, views and functions of CREATE statements.

        Raises: SqlFault: BigQuery would refuse a statement.
        """
        for node in self._analyzer.resolve(self._qualifier.sub(r"\1", sql)):
            match node.DESCRIPTOR.name:
                case "ResolvedCreateTableStmtProto":
                    declared = node.parent.column_definition_list
                    self._columns[node.parent.parent.name_path[-1]] = {
                        item.name: item.type for item in declared
                    }
                case "ResolvedCreateViewStmtProto":
                    self._functions[node.parent.parent.name_path[-1]] = _Function((), node.parent.sql)
                case "ResolvedCreateTableFunctionStmtProto":
                    function = _Function(tuple(node.argument_name_list), node.code)
                    self._functions[node.parent.name_path[-1]] = function

    def evaluate(
        self, sql: str, tables: Mapping[str, Rows], parameters: Mapping[str, TypedValue] = {}
    ) -> list[dict[str, Any]]:
        """Execute one query on these rows; return its rows with the values that google-cloud-bigquery would return.

        tables: the rows of each table; a table without an entry is empty.

        Raises: SqlFault: the query is refused, or its execution fails.
        """
        expanded = self._expanded(sql)
        named = set(_NAME.findall(expanded))
        request = self._protocol.service.EvaluateQueryRequest(
            sql=expanded, options=self._analyzer.options, simple_catalog=self._analyzer.catalog
        )
        for name, parameter in parameters.items():
            kind = self._type(parameter)
            request.options.query_parameters.add(name=name).type.CopyFrom(kind)
            self._fill(request.params.add(name=name).value, kind, parameter.value)
        for table, columns in self._columns.items():
            content = request.table_content[table].table_data
            content.SetInParent()  # a table without content is refused, one without rows is not
            # Rows are most of the request, so leave out those of tables that the query does not name.
            for row in tables.get(table, ()) if table in named else ():
                cells = content.row.add().cell
                for name, kind in columns.items():
                    self._fill(cells.add(), kind, row.get(name))
        try:
            answer = self._analyzer.stub.EvaluateQuery(request, timeout=_EVALUATE_SECONDS)
        except grpc.RpcError as error:
            raise SqlFault(error.details()) from error
        answered = [(column.name, column.type) for column in answer.prepared.columns]
        return [
            {name: self._read(cell, kind) for (name, kind), cell in zip(answered, row.cell, strict=True)}
            for row in answer.content.table_data.row
        ]

    def _expanded(self, sql: str) -> str:
        """Return the query with each view and table function replaced by its body.

        The reference implementation executes neither views nor functions whose WITH clauses use an argument.
        """
        text = _COMMENT.sub("", self._qualifier.sub(r"\1", sql))
        # A column may have a function's name, so only a name before a parenthesis is a call.
        called = [rf"{name}(?=\()" if item.arguments else name for name, item in self._functions.items()]
        names = re.compile(rf"(?<![.\w])({'|'.join(called)})\b(?!\.)") if called else None
        while names and (found := names.search(text)):
            function = self._functions[found[1]]
            given, end = _arguments(text, found.end()) if function.arguments else ((), found.end())
            text = f"{text[: found.start()]}({function.called_with(given)}\n){text[end:]}"
        return text

    def _type(self, parameter: TypedValue) -> Any:
        simple = self._protocol.types.TypeProto(type_kind=self._analyzer.kind(parameter.kind))
        if not parameter.repeated:
            return simple
        array = self._protocol.types.TypeProto(type_kind=self._protocol.types.TYPE_ARRAY)
        array.array_type.element_type.CopyFrom(simple)
        return array

    def _kind(self, kind: Any) -> str:
        return str(self._protocol.types.TypeKind.Name(kind.type_kind)).removeprefix("TYPE_")

    def _fill(self, cell: Any, kind: Any, value: Any) -> None:
        """Write a Python or JSON value into a cell of that type; None leaves it NULL, but an array empty."""
        name = self._kind(kind)
        if name == "ARRAY":
            cell.array_value.SetInParent()  # BigQuery stores no NULL arrays
            for item in value or ():
                self._fill(cell.array_value.element.add(), kind.array_type.element_type, item)
        elif value is None:
            return
        elif name == "STRUCT":
            for field in kind.struct_type.field:
                self._fill(cell.struct_value.field.add(), field.field_type, value.get(field.field_name))
        elif name == "TIMESTAMP":
            instant = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            cell.timestamp_value.FromDatetime(instant.astimezone(UTC).replace(tzinfo=None))
        elif name == "DATE":
            day = value if isinstance(value, date) else date.fromisoformat(value)
            cell.date_value = (day - _DAY_ZERO).days
        else:
            setattr(cell, _TEXT_FIELDS[name], value)

    def _read(self, cell: Any, kind: Any) -> Any:
        """Return the value of a cell as google-cloud-bigquery returns it."""
        name = self._kind(kind)
        if cell.WhichOneof("value") is None:
            return [] if name == "ARRAY" else None  # BigQuery returns a NULL array as an empty one
        match name:
            case "ARRAY":
                return [self._read(item, kind.array_type.element_type) for item in cell.array_value.element]
            case "STRUCT":
                fields = zip(kind.struct_type.field, cell.struct_value.field, strict=True)
                return {field.field_name: self._read(item, field.field_type) for field, item in fields}
            case "TIMESTAMP":
                return cell.timestamp_value.ToDatetime(tzinfo=UTC)
            case "DATE":
                return _DAY_ZERO + timedelta(days=cell.date_value)
            case "JSON":
                return json.loads(cell.json_value)
        return getattr(cell, _TEXT_FIELDS[name])


@contextmanager
def running_reference(dataset: str) -> Iterator[ReferenceEngine]:
    """Run a reference engine without tables for one dataset.

    Raises: AnalyzerUnavailableError: this machine cannot run it.
    """
    with running_analyzer("") as analyzer:
        yield ReferenceEngine(analyzer, dataset)


def _arguments(text: str, start: int) -> tuple[tuple[str, ...], int]:
    """Return the arguments of a call whose parenthesis opens at `start`, and its end."""
    depth, begun, found = 0, start + 1, []
    for position in range(start, len(text)):
        letter = text[position]
        depth += (letter in "([") - (letter in ")]")
        if (letter == "," and depth == 1) or depth == 0:
            found.append(text[begun:position].strip())
            begun = position + 1
        if depth == 0:
            return tuple(found), begun
    raise SqlFault(f"a call is not closed: {text[start : start + 80]}")
