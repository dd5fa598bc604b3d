# SPDX-License-Identifier: Apache-2.0
"""Spans of what the program does, for an OpenTelemetry collector.

**An attribute must be declared here; one that is not is dropped**, and nothing that may tell who somebody is can be declared at all.
Off, which is the default, nothing of OpenTelemetry is imported, and a span costs one call.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from enum import StrEnum
from types import TracebackType
from typing import Protocol, TypeAlias

from sealroom.catalogue import (
    Column,
    DataClass,
    Dataset,
    Field,
    Kind,
    LegalBasis,
    Purpose,
    Retention,
    Store,
    Subject,
)
from sealroom.core.config.schema import TraceSettings
from sealroom.core.errors import ConfigurationError

Value: TypeAlias = str | int | float | bool

MAX_TEXT = 64
"""Characters of an attribute's text: codes and names of closed sets are shorter."""


class SpanName(StrEnum):
    """Everything that is measured by spans."""

    ENTER = "enter"
    IDENTIFY = "enter.identify"
    ADMIT = "enter.admit"
    JOIN = "enter.join"
    API_REQUEST = "api.request"
    V1_REQUEST = "v1.request"
    WEBHOOK = "webhook.delivery"
    JOB = "job"
    LEDGER = "ledger.transaction"
    SHIPPING = "records.shipping"


ATTRIBUTES: dict[str, Field] = {
    "action": Field("An action of TRTC's API, or an operation of the API /v1, of a closed set."),
    "application": Field("The application.", subject=Subject.APPLICATION),
    "attempt": Field("The how manieth attempt it is."),
    "code": Field("A stable code of what came of it; `ok` for no error."),
    "count": Field("How many."),
    "error": Field("Kind of a fault in the program, without its text."),
    "kind": Field("Of what kind, of a closed set."),
    "scene": Field("Scene of a room."),
}
"""Everything that a span may say. Users, rooms and addresses cannot be added: a test fails on a personal one."""

RESOURCE: dict[str, Field] = {
    "service.name": Field("Always `sealroom`."),
    "service.version": Field("Version of the program."),
    "sealroom.site": Field("The site of this process."),
}
"""What is said of the process, once with each delivery."""

_OF_A_SPAN = {
    "name": Field("What was measured, of a closed set."),
    "trace": Field("Id of what belongs together; drawn at random, or sent along by a customer's backend."),
    "start": Field("When it began."),
    "end": Field("When it ended."),
}


def parent_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The span of whoever asks, as his request says (W3C `traceparent`); more than one says nothing."""
    found = [value for name, value in headers if name == b"traceparent"]
    return found[0].decode("latin-1") if len(found) == 1 else ""


class Span(Protocol):
    """Something that is being done."""

    def set(self, name: str, value: Value) -> None:
        """Says something of it. What is not declared in `ATTRIBUTES` is dropped."""


class Traces(Protocol):
    """Where spans go."""

    def span(self, name: SpanName, parent: str = "") -> AbstractContextManager[Span]:
        """A span over a block, inside the one around it. `parent`: a W3C `traceparent` of the caller; one that is none says nothing."""

    async def close(self) -> None:
        """Sends what is left, for some seconds at most."""


class _Nothing:
    """The span of nobody who looks."""

    def set(self, name: str, value: Value) -> None:
        """Goes nowhere."""

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends nothing."""


_NOTHING = _Nothing()


class NoTraces:
    """Traces that are switched off."""

    def span(self, name: SpanName, parent: str = "") -> AbstractContextManager[Span]:  # noqa: ARG002 - as the port has it
        """The same nothing each time."""
        return _NOTHING

    async def close(self) -> None:
        """There is nothing to send."""


OFF = NoTraces()


def traces_of(settings: TraceSettings, version: str, site: str) -> Traces:
    """Traces as the configuration wants them.

    Raises:
        ConfigurationError: an endpoint that cannot be used, or the extra `traces` is not installed.
    """
    if not settings.endpoint:
        return OFF
    _check(settings.endpoint)
    try:
        from sealroom.core.otlp import OtlpTraces
    except ImportError as error:
        raise ConfigurationError(
            "traces_client_missing",
            "OpenTelemetry is not installed.",
            "Install the distribution with its extra: sealroom[traces].",
        ) from error
    resource = {"service.name": "sealroom", "service.version": version, "sealroom.site": site}
    return OtlpTraces(settings, resource)


def traces_dataset() -> Dataset:
    """What the catalogue says of traces."""
    fields = _OF_A_SPAN | ATTRIBUTES | RESOURCE
    columns = {name: Column(said, Kind.KEYWORD, optional=True) for name, said in fields.items()}
    return Dataset(
        "traces", Store.TRACES, "How long parts of the work took; nothing in it tells who somebody is.", DataClass.OPERATION,
        Purpose.OPERATE, LegalBasis.NONE_NEEDED, Retention.kept("numbers without persons; the collector decides"), columns,
    )  # fmt: skip


def _check(endpoint: str) -> None:
    """Spans leave the machine encrypted, or not at all."""
    scheme, _, rest = endpoint.partition("://")
    host = rest.partition("/")[0]
    if "@" in host:
        raise _invalid("the address holds a password", "Use traces.authorization.")
    loopback = host.rpartition(":")[0] in ("127.0.0.1", "localhost", "[::1]")
    if not host or scheme not in ("http", "https"):
        raise _invalid("it is no address", "Write https://collector.example:4318/v1/traces.")
    if scheme == "http" and not loopback:
        raise _invalid("it is not encrypted", "Use https, or http with a port on loopback.")


def _invalid(what: str, action: str) -> ConfigurationError:
    return ConfigurationError("traces_endpoint_invalid", f"traces.endpoint: {what}.", action)
