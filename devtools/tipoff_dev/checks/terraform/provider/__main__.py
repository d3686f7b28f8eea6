"""`python -m tipoff_dev.checks.terraform.provider SOCKET`: serves Terraform over a Unix socket until stdin closes.

Terraform finds the socket by TF_REATTACH_PROVIDERS, so that one process serves every command of a check. Runs in the
environment of infra/terraform/checks/requirements.txt.
"""

import json
import sys
from collections.abc import Mapping
from concurrent import futures
from typing import Any

import grpc
import msgpack
from tf.gen import tfplugin_pb2 as protocol
from tf.gen import tfplugin_pb2_grpc as services

from tipoff_dev.checks.terraform.provider.answers import (
    SCHEMA,
    UNKNOWN,
    Block,
    applied,
    faults,
    planned,
    read,
    replacing,
)


class FakeProvider(services.ProviderServicer):  # type: ignore[misc]  # generated without types
    """The calls that Terraform makes, by the protocol's names. Every other call is answered "unimplemented"."""

    def GetProviderSchema(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Return the schemas of the types."""
        return protocol.GetProviderSchema.Response(
            provider=_schema(SCHEMA["provider"]),
            resource_schemas={name: _schema(entry) for name, entry in SCHEMA["resources"].items()},
            data_source_schemas={name: _schema(entry) for name, entry in SCHEMA["data_sources"].items()},
        )

    def ValidateProviderConfig(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Accept any configuration of the provider."""
        return protocol.ValidateProviderConfig.Response()

    def ConfigureProvider(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Accept any configuration of the provider."""
        return protocol.ConfigureProvider.Response()

    def ValidateResourceConfig(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Report the faults of a resource's configuration."""
        found = faults(SCHEMA["resources"][request.type_name]["block"], _decoded(request.config))
        errors = [protocol.Diagnostic(severity=protocol.Diagnostic.ERROR, summary=it) for it in found]
        return protocol.ValidateResourceConfig.Response(diagnostics=errors)

    def ValidateDataResourceConfig(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Accept any configuration of a data source."""
        return protocol.ValidateDataResourceConfig.Response()

    def UpgradeResourceState(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Return the state unchanged: there is one version."""
        return protocol.UpgradeResourceState.Response(
            upgraded_state=protocol.DynamicValue(json=request.raw_state.json)
        )

    def ReadResource(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Return the state unchanged: only Terraform changes it."""
        return protocol.ReadResource.Response(new_state=request.current_state)

    def PlanResourceChange(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Fill in the values that are known in a plan, and list the arguments whose change replaces the resource."""
        proposed, prior = _decoded(request.proposed_new_state), _decoded(request.prior_state)
        if proposed is not None and prior is None:
            proposed = planned(request.type_name, proposed)
        response = protocol.PlanResourceChange.Response(
            planned_state=_encoded(proposed), legacy_type_system=True
        )
        if proposed is not None and prior is not None:
            for name in replacing(request.type_name, prior, proposed):
                response.requires_replace.add().steps.add(attribute_name=name)
        return response

    def ApplyResourceChange(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Fill in the values that are known only after an apply."""
        value = _decoded(request.planned_state)
        if value is not None:
            value = applied(request.type_name, value)
        return protocol.ApplyResourceChange.Response(new_state=_encoded(value), legacy_type_system=True)

    def ReadDataSource(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Return the values of a data source."""
        value = read(request.type_name, _decoded(request.config))
        return protocol.ReadDataSource.Response(state=_encoded(value))


def _schema(entry: Mapping[str, Any]) -> Any:
    """Write a schema in the protocol's form."""
    return protocol.Schema(version=0, block=_block(entry["block"]))


def _block(block: Block) -> Any:
    message = protocol.Schema.Block(version=0)
    for name, attribute in block["attributes"].items():
        flags = {flag: attribute.get(flag) for flag in ("required", "optional", "computed", "sensitive")}
        message.attributes.add(name=name, type=json.dumps(attribute["type"]).encode(), **flags)
    for name, nested in block.get("block_types", {}).items():
        message.block_types.add(
            type_name=name,
            nesting=nested["nesting_mode"].upper(),
            min_items=nested.get("min_items", 0),
            max_items=nested.get("max_items", 0),
            block=_block(nested["block"]),
        )
    return message


def _decoded(value: Any) -> Any:
    """Decode a value; None for an absent object."""
    if value.msgpack:
        return msgpack.unpackb(value.msgpack, ext_hook=lambda _code, _data: UNKNOWN, strict_map_key=False)
    return json.loads(value.json) if value.json else None


def _encoded(value: Any) -> Any:
    """Encode a value for the protocol, which represents an unknown value by an extension type."""
    packed = msgpack.packb(value, default=lambda _unknown: msgpack.ExtType(0, b"\0"))
    return protocol.DynamicValue(msgpack=packed)


def main() -> None:
    """Serve until stdin closes; print "ready" once the socket accepts calls."""
    server = grpc.server(
        futures.ThreadPoolExecutor(8),
        options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)],
    )
    services.add_ProviderServicer_to_server(FakeProvider(), server)
    server.add_insecure_port(f"unix:{sys.argv[1]}")
    server.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop(None)


main()
