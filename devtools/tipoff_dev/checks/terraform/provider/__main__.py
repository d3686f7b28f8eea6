"""`python -m tipoff_dev.checks.terraform.provider SOCKET`: serves Terraform over a Unix socket until stdin closes.

Terraform finds it by TF_REATTACH_PROVIDERS, so that one process serves every command of a check. Runs in the
environment of infra/terraform/checks/requirements.txt.
"""

import sys
from concurrent import futures
from typing import Any

import grpc
from tf.gen import tfplugin_pb2 as protocol
from tf.gen import tfplugin_pb2_grpc as services

from tipoff_dev.checks.terraform.provider.planning import applied, planned, read, replacing
from tipoff_dev.checks.terraform.provider.schema import faults, load_schema
from tipoff_dev.checks.terraform.provider.wire import decoded, encoded, schema_message


class FakeProvider(services.ProviderServicer):  # type: ignore[misc]  # generated without types
    """The calls that Terraform makes; their names are the protocol's."""

    def __init__(self) -> None:
        schema = load_schema()
        self._provider = schema["provider"]
        self._resources = schema["resources"]
        self._sources = schema["data_sources"]

    def GetMetadata(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """List the types that the provider serves."""
        return protocol.GetMetadata.Response(
            resources=[protocol.GetMetadata.ResourceMetadata(type_name=name) for name in self._resources],
            data_sources=[protocol.GetMetadata.DataSourceMetadata(type_name=name) for name in self._sources],
        )

    def GetProviderSchema(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Return the schemas of the types."""
        response = protocol.GetProviderSchema.Response(provider=schema_message(self._provider))
        for name, entry in self._resources.items():
            response.resource_schemas[name].CopyFrom(schema_message(entry))
        for name, entry in self._sources.items():
            response.data_source_schemas[name].CopyFrom(schema_message(entry))
        return response

    def ValidateProviderConfig(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Accept any configuration of the provider."""
        return protocol.ValidateProviderConfig.Response()

    def ConfigureProvider(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Accept any configuration of the provider."""
        return protocol.ConfigureProvider.Response()

    def ValidateResourceConfig(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Report the faults of a resource's configuration."""
        response = protocol.ValidateResourceConfig.Response()
        value, block = decoded(request.config), self._resources[request.type_name]["block"]
        for fault in faults(request.type_name, value, block):
            diagnostic = response.diagnostics.add(
                severity=protocol.Diagnostic.ERROR, summary=fault.summary, detail=fault.detail
            )
            for step in fault.path:
                key = "element_key_int" if isinstance(step, int) else "attribute_name"
                diagnostic.attribute.steps.add(**{key: step})
        return response

    def ValidateDataResourceConfig(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Accept any configuration of a data source."""
        return protocol.ValidateDataResourceConfig.Response()

    def UpgradeResourceState(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Return the state as it is: there is one version."""
        return protocol.UpgradeResourceState.Response(
            upgraded_state=protocol.DynamicValue(json=request.raw_state.json)
        )

    def ReadResource(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Return the state as it is: nothing changes it but Terraform."""
        return protocol.ReadResource.Response(new_state=request.current_state)

    def PlanResourceChange(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Fill in what a plan knows of a resource, and name what replaces it."""
        proposed, prior = decoded(request.proposed_new_state), decoded(request.prior_state)
        if proposed is not None and prior is None:
            proposed = planned(request.type_name, proposed, self._resources[request.type_name]["block"])
        response = protocol.PlanResourceChange.Response(
            planned_state=encoded(proposed), legacy_type_system=True
        )
        if proposed is not None and prior is not None:
            for name in replacing(request.type_name, prior, proposed):
                response.requires_replace.add().steps.add(attribute_name=name)
        return response

    def ApplyResourceChange(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Fill in what is known after an apply."""
        value = decoded(request.planned_state)
        if value is not None:
            value = applied(request.type_name, value, self._resources[request.type_name]["block"])
        return protocol.ApplyResourceChange.Response(new_state=encoded(value), legacy_type_system=True)

    def ReadDataSource(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Return the values of a data source."""
        value = read(request.type_name, decoded(request.config), self._sources[request.type_name]["block"])
        return protocol.ReadDataSource.Response(state=encoded(value))

    def GetFunctions(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Return that there are none."""
        return protocol.GetFunctions.Response()

    def StopProvider(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Do nothing: there is nothing to stop."""
        return protocol.StopProvider.Response()


def main() -> None:
    """Serve until the process is ended; print how to attach."""
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
