# SPDX-License-Identifier: Apache-2.0
"""The schemas and TypeScript types in the repository are those that the structs give."""

import jsonschema
import msgspec
import pytest

import tools.protocol_types as derived
from sealroom_wire import signalling


def test_the_derived_files_are_up_to_date() -> None:
    assert derived.differences() == [], "run `make generate`"


def test_the_schema_takes_what_the_structs_encode_and_nothing_more() -> None:
    document = msgspec.json.decode(derived.schema("signalling", derived.SCHEMAS["signalling"]))
    message = signalling.Bind(
        id=7, bindings=(signalling.Binding(0, 1, signalling.Source("bob", signalling.Track.MAIN)),)
    )
    validator = jsonschema.Draft202012Validator({**document, "$ref": "#/$defs/ClientMessage"})
    encoded = msgspec.json.decode(msgspec.json.encode(message))
    validator.validate(encoded)
    changes: tuple[dict[str, object], ...] = ({"type": "bound"}, {"extra": 1}, {"id": 0}, {"bindings": []})
    for change in changes:
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(encoded | change)


def test_every_message_has_an_interface() -> None:
    text = derived.typescript()
    for struct in signalling.ClientMessage.__args__:
        assert f"interface {struct.__name__} {{" in text
