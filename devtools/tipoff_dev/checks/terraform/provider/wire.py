"""Values and schemas as Terraform's plugin protocol (version 6) carries them."""

import json
from collections.abc import Mapping
from typing import Any

import msgpack
from tf.gen import tfplugin_pb2 as protocol

from tipoff_dev.checks.terraform.provider.schema import UNKNOWN, Block, Unknown

_NESTING = {
    "list": protocol.Schema.NestedBlock.LIST,
    "set": protocol.Schema.NestedBlock.SET,
    "single": protocol.Schema.NestedBlock.SINGLE,
}


def schema_message(entry: Mapping[str, Any]) -> Any:
    """Write a schema in the protocol's form."""
    schema = protocol.Schema(version=0)
    schema.block.CopyFrom(_block_message(entry["block"]))
    return schema


def _block_message(block: Block) -> Any:
    message = protocol.Schema.Block(version=0)
    for name, attribute in block["attributes"].items():
        flags = ("required", "optional", "computed", "sensitive")
        message.attributes.add(
            name=name,
            type=json.dumps(attribute["type"]).encode(),
            **{flag: bool(attribute.get(flag)) for flag in flags},
        )
    for name, nested in block.get("block_types", {}).items():
        added = message.block_types.add(
            type_name=name,
            nesting=_NESTING[nested["nesting_mode"]],
            min_items=nested.get("min_items", 0),
            max_items=nested.get("max_items", 0),
        )
        added.block.CopyFrom(_block_message(nested["block"]))
    return message


def decoded(value: Any) -> Any:
    """Decode a value; None for an object that is not there."""
    if value.msgpack:
        return msgpack.unpackb(value.msgpack, ext_hook=lambda _code, _data: UNKNOWN, strict_map_key=False)
    return json.loads(value.json) if value.json else None


def encoded(value: Any) -> Any:
    """Write a value in the protocol's form."""
    return protocol.DynamicValue(msgpack=msgpack.packb(value, default=_extension))


def _extension(value: object) -> Any:
    if isinstance(value, Unknown):
        return msgpack.ExtType(0, b"\0")
    raise TypeError(f"no place for a {type(value).__name__} in a value")
