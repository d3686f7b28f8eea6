"""Google's own SQL analyzer: ZetaSQL, from its npm package for Linux on x86-64.

`npm pack` fetches the package once (112 MB) into the user's cache. The package contains a server, which runs as a
separate process and accepts statements over gRPC. The server supports BigQuery's types, functions and scoping; it does
not support pipe syntax, GROUP BY ALL or DECLARE.
"""

import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree, which
from types import ModuleType
from typing import Any

import grpc

from gcp_emulators.testing import free_port

VERSION = "1.13.0"
PACKAGE = f"@fivetrandevelopers/zetasql@{VERSION}"
_START_SECONDS = 30.0
_ANALYZE_SECONDS = 30.0
_INTERNAL_NAMES = {"FLOAT64": "DOUBLE"}


class AnalyzerUnavailableError(Exception):
    """The analyzer is not available on this machine; the message names the missing part."""


class SqlFault(Exception):
    """A statement that BigQuery would refuse; the message is the analyzer's, with line and column."""


@dataclass(frozen=True)
class Protocol:
    """The generated modules of the analyzer's protocol."""

    service: ModuleType
    stub: ModuleType
    options: ModuleType
    types: ModuleType
    catalog: ModuleType
    analyzer: ModuleType
    functions: ModuleType


class Analyzer:
    """A client of one running server.

    Later statements can use the tables and functions of earlier ones, with and without `project` in the name.
    """

    def __init__(self, stub: Any, protocol: Protocol, project: str) -> None:
        self.stub, self.protocol, self._project = stub, protocol, project
        language = stub.GetLanguageOptions(
            protocol.service.LanguageOptionsRequest(maximum_features=True), timeout=_ANALYZE_SECONDS
        )
        language.product_mode = protocol.options.PRODUCT_EXTERNAL
        language.name_resolution_mode = protocol.options.NAME_RESOLUTION_DEFAULT
        del language.supported_statement_kinds[:]  # none listed means all
        self.options = protocol.analyzer.AnalyzerOptionsProto(
            default_timezone="UTC",
            error_message_mode=protocol.options.ERROR_MESSAGE_ONE_LINE,
        )
        self.options.language_options.CopyFrom(language)
        self.catalog = protocol.catalog.SimpleCatalogProto(name="catalog")
        self.catalog.builtin_function_options.language_options.CopyFrom(language)

    def analyze(self, sql: str, parameters: Mapping[str, str] = {}) -> int:
        """Check each statement and register the names it creates; return the number of statements.

        parameters: the SQL type of each named parameter.

        Raises:
            SqlFault: for the first statement that BigQuery would refuse.
        """
        return sum(1 for _ in self.resolve(sql, parameters))

    def resolve(self, sql: str, parameters: Mapping[str, str] = {}) -> Iterator[Any]:
        """Check each statement, register the names it creates, and yield it resolved (a `Resolved...StmtProto`).

        Raises:
            SqlFault: for the first statement that BigQuery would refuse.
        """
        options = self.protocol.analyzer.AnalyzerOptionsProto()
        options.CopyFrom(self.options)
        for name, kind in parameters.items():
            options.query_parameters.add(name=name).type.type_kind = self.kind(kind)
        text, position = sql.encode(), 0
        while text[position:].strip():
            request = self.protocol.service.AnalyzeRequest(options=options, simple_catalog=self.catalog)
            request.parse_resume_location.input = sql
            request.parse_resume_location.byte_position = position
            try:
                answer = self.stub.Analyze(request, timeout=_ANALYZE_SECONDS)
            except grpc.RpcError as error:
                raise SqlFault(error.details()) from error
            statement = _innermost(answer.resolved_statement)
            self._register(statement)
            yield statement
            position = answer.resume_byte_position or len(text)

    def kind(self, name: str) -> int:
        """Return the protocol's number for a simple SQL type."""
        return int(self.protocol.types.TypeKind.Value(f"TYPE_{_INTERNAL_NAMES.get(name, name)}"))

    def _register(self, node: Any) -> None:
        match node.DESCRIPTOR.name:
            case "ResolvedCreateTableStmtProto":
                columns = [(column.name, column.type) for column in node.parent.column_definition_list]
                self._add_table(node.parent.parent.name_path, columns)
            case "ResolvedCreateViewStmtProto":
                self._add_table(node.parent.parent.name_path, _outputs(node.parent.output_column_list))
            case "ResolvedCreateTableFunctionStmtProto":
                self._add_function(node)

    def _add_table(self, path: Any, columns: list[tuple[str, Any]]) -> None:
        for catalog, name in self._places(path):
            _remove(catalog.table, [table.name == name for table in catalog.table])
            table = catalog.table.add(name=name)
            for column, kind in columns:
                table.column.add(name=column).type.CopyFrom(kind)

    def _add_function(self, statement: Any) -> None:
        kinds = self.protocol.functions.FunctionEnums
        for catalog, name in self._places(statement.parent.name_path):
            _remove(catalog.custom_tvf, [list(known.name_path) == [name] for known in catalog.custom_tvf])
            function = catalog.custom_tvf.add(name_path=[name], type=kinds.FIXED_OUTPUT_SCHEMA_TVF)
            function.signature.CopyFrom(statement.signature)

    def _places(self, path: Any) -> Iterator[tuple[Any, str]]:
        """Yield each catalogue and name by which a query may refer to `path`: with and without the project, as a path
        and as one quoted identifier."""
        for whole in (list(path), [self._project, *path]):
            *parents, name = whole
            catalog = self.catalog
            for parent in parents:
                found = next((inner for inner in catalog.catalog if inner.name == parent), None)
                catalog = found if found is not None else catalog.catalog.add(name=parent)
            yield catalog, name
            if parents:
                yield self.catalog, ".".join(whole)


def _innermost(statement: Any) -> Any:
    """Return the statement without the unions around it."""
    while "node" in statement.DESCRIPTOR.oneofs_by_name and (name := statement.WhichOneof("node")):
        statement = getattr(statement, name)
    return statement


def _remove(items: Any, replaced: list[bool]) -> None:
    for index in reversed([index for index, same in enumerate(replaced) if same]):
        del items[index]


def _outputs(columns: Any) -> list[tuple[str, Any]]:
    return [(column.name, column.column.type) for column in columns]


@contextmanager
def running_analyzer(project: str) -> Iterator[Analyzer]:
    """Start the analyzer for the length of a block. Raises AnalyzerUnavailableError."""
    folder = _fetch_package()
    protocol = _protocol(folder)
    port = free_port()
    server = subprocess.Popen(  # noqa: S603  # the binary just unpacked
        [folder / "package/lib/zetasql/remote_server.so", "localhost", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        unlimited = [("grpc.max_receive_message_length", -1)]
        with grpc.insecure_channel(f"localhost:{port}", options=unlimited) as channel:
            _wait_until_ready(channel, server)
            yield Analyzer(protocol.stub.ZetaSqlLocalServiceStub(channel), protocol, project)
    finally:
        server.kill()
        server.wait()


def _wait_until_ready(channel: Any, server: subprocess.Popen[bytes]) -> None:
    ready, deadline = grpc.channel_ready_future(channel), time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            ready.result(timeout=0.2)
        except grpc.FutureTimeoutError:
            continue
        return
    ready.cancel()
    raise AnalyzerUnavailableError(f"the analyzer does not start here (exit code {server.poll()})")


def _fetch_package() -> Path:
    """Fetch and unpack the package unless the cache has it; return its folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "tipoff" / f"zetasql-{VERSION}"
    if folder.is_dir():
        return folder
    npm = which("npm")
    if npm is None:
        raise AnalyzerUnavailableError("npm is not installed; it fetches the analyzer (apt-get install npm)")
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
    unfinished.mkdir(parents=True)
    try:
        fetched = subprocess.run(  # noqa: S603  # npm, and a name of our own
            [npm, "pack", "--silent", PACKAGE], cwd=unfinished, capture_output=True, text=True, check=False
        )
        if fetched.returncode:
            raise AnalyzerUnavailableError(f"npm cannot fetch {PACKAGE}: {fetched.stderr.strip()}")
        (archive,) = unfinished.glob("*.tgz")
        with tarfile.open(archive) as content:
            content.extractall(unfinished, filter="data")
        archive.unlink()
        (unfinished / "package/lib/zetasql/remote_server.so").chmod(0o755)
        unfinished.rename(folder)
    finally:
        rmtree(unfinished, ignore_errors=True)
    return folder


def _protocol(folder: Path) -> Protocol:
    """Compile the protocol in this process. The files import each other relative to their root, hence `sys.path`."""
    root = str(folder / "package/lib/zetasql/protos")
    if root not in sys.path:
        sys.path.append(root)
    service, stub = grpc.protos_and_services("local_service.proto")
    return Protocol(
        service=service,
        stub=stub,
        options=grpc.protos("zetasql/public/options.proto"),
        types=grpc.protos("zetasql/public/type.proto"),
        catalog=grpc.protos("zetasql/proto/simple_catalog.proto"),
        analyzer=grpc.protos("zetasql/proto/options.proto"),
        functions=grpc.protos("zetasql/public/function.proto"),
    )
