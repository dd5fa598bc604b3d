# SPDX-License-Identifier: Apache-2.0
"""The API in words of OpenAPI 3.1, as the framework derives them from the routes, tidied."""

import inspect
import re
from typing import Any

import msgspec
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Tag

from sealroom.api.endpoint import ROUTES, routed
from sealroom.api.problems import Problem

VERSION = "1"
_DESCRIPTION = (
    "What TRTC's REST API has no action for. Requests are signed with an API key of the account (docs/api.md, Signing). Errors are "
    "problem+json (RFC 9457)."
)
_SIGNING = (
    "`TC3-HMAC-SHA256 Credential=<SecretId>/<UTC date>/sealroom/tc3_request, SignedHeaders=<names>, Signature=<hex>`, with "
    "`X-TC-Timestamp`. Method, path, query and body are signed; so are `content-type`, `host`, and, where they are there, `if-match`, "
    "`if-none-match` and `idempotency-key`."
)
_TAGS = {
    "applications": "Applications of the account, their switches and their secret keys.",
    "api keys": "The account's keys for this API and TRTC's.",
    "bans": "Who may not enter.",
    "webhooks": "Where events go, and those that were not taken.",
    "usage": "What was used, for bills.",
    "audit": "What was changed, with proofs.",
    "catalogue": "What is stored and why.",
    "problems": "What the codes of problems mean.",
}
_HEADERS = {
    "X-Request-Id": {
        "description": "The request's own where it had one, else a new one: it leads the operator to the log.", "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer"}},
}  # fmt: skip
_CONDITIONS: dict[str, dict[str, Any]] = {
    "If-Match": {"pattern": r'^(\*|"[!#-~]{1,80}")$'},
    "If-None-Match": {"enum": ["*"]},
}
"""What the program refuses itself, with a code of its own."""
_CATALOGUE = {
    "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
    "text/html": {"schema": {"type": "string"}},
    "text/markdown": {"schema": {"type": "string"}},
}


def document() -> dict[str, Any]:
    """The whole document."""
    config = OpenAPIConfig(
        title="Sealroom API",
        version=VERSION,
        description=_DESCRIPTION,
        tags=[Tag(name=name, description=text) for name, text in _TAGS.items()],
        components=Components(
            security_schemes={
                "tc3": SecurityScheme(type="http", scheme="TC3-HMAC-SHA256", description=_SIGNING)
            }
        ),
        security=[{"tc3": []}],
        use_handler_docstrings=True,
    )
    made: dict[str, Any] = routed(None, config).openapi_schema.to_schema()
    made["components"]["headers"] = _HEADERS
    for path in made["paths"].values():
        for operation in path.values():
            _tidy(operation)
    _state_schemas(made)
    return made


def text() -> str:
    """As it is committed."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=2).decode() + "\n"


def _tidy(operation: dict[str, Any]) -> None:
    """What the framework cannot know: a header that the program misses itself, with a status of its own, is required all the same."""
    operation.pop("deprecated", None)
    others = {one["name"] for one in operation.get("parameters", ())}
    for parameter in operation.get("parameters", ()):
        for name in ("deprecated", "allowEmptyValue", "allowReserved"):
            parameter.pop(name, None)
        schema = parameter["schema"]
        schema.pop("description", None)
        for bound in ("minimum", "maximum"):
            if bound in schema:
                schema[bound] = int(schema[bound])
        schema |= _CONDITIONS.get(parameter["name"], {})
        if parameter["name"] == "If-Match" and "If-None-Match" not in others:
            parameter["required"] = True
    for status, response in operation["responses"].items():
        headers = response.setdefault("headers", {})
        for header in headers.values():
            header.pop("deprecated", None)
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in _headers_of(status)}
    if operation["operationId"] == "exportCatalogue":
        operation["responses"]["200"]["content"] = _CATALOGUE


def _headers_of(status: str) -> tuple[str, ...]:
    return ("X-Request-Id", "Retry-After") if status in {"429", "503"} else ("X-Request-Id",)


def _state_schemas(made: dict[str, Any]) -> None:
    """Puts the schemas of what crosses the boundary as msgspec checks it: with every bound, and closed where it is closed."""
    named = {kind.__name__: kind for kind in _structs()}
    (_, schemas) = msgspec.json.schema_components(named.values(), ref_template="#/components/schemas/{name}")
    mine = made["components"]["schemas"]
    mine |= {
        name.rpartition(".")[2] if name.rpartition(".")[2] in named else name: one
        for name, one in schemas.items()
    }
    while unused := set(mine) - _named(made):
        for name in unused:
            del mine[name]
    made["components"]["schemas"] = dict(sorted(mine.items()))


def _structs() -> list[type[msgspec.Struct]]:
    """Everything that the modules of the routes declare, and problems."""
    modules = {inspect.getmodule(route.fn) for route in ROUTES}
    found = [
        kind
        for module in sorted(modules, key=str)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, msgspec.Struct) and kind.__module__ == getattr(module, "__name__", None)
    ]
    return [*found, Problem]


def _named(made: dict[str, Any]) -> set[str]:
    """The schemas that anything refers to."""
    return set(re.findall(r'"#/components/schemas/([^"]+)"', msgspec.json.encode(made).decode()))
