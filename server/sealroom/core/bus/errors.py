# SPDX-License-Identifier: Apache-2.0
"""How the bus says no. Callers decide what that means for them: nothing here waits on behalf of a call."""


class BusError(Exception):
    """The bus did not do it. `code` is stable."""

    code = "bus_failed"

    def __init__(self, sentence: str) -> None:
        super().__init__(f"{self.code}: {sentence}")


class BusUnavailable(BusError):  # noqa: N818 - what it is
    """The bus is not reached, or does not answer in time. What was published to a stream may have been kept all the same."""

    code = "bus_unavailable"


class BusFull(BusError):  # noqa: N818 - what it is
    """The stream holds as much as it may of what its consumers have not handled. Nothing was kept."""

    code = "bus_full"


class MessageTooLarge(BusError):  # noqa: N818 - what it is
    """Longer than `MAX_MESSAGE_BYTES` when it is written: the bus tells that there is something, and stores hold it."""

    code = "bus_message_too_large"


class NobodyAnswered(BusError):  # noqa: N818 - what it is
    """Nobody serves the question, or not in time; whoever took it may have acted on it."""

    code = "bus_nobody_answered"


class RequestFailed(BusError):  # noqa: N818 - what it is
    """Who served the question failed at it, or its answer cannot be read."""

    code = "bus_request_failed"
