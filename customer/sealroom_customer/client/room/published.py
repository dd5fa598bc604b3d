# SPDX-License-Identifier: Apache-2.0
"""Our own tracks that flow, with the number of their simulcast layers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sealroom_customer.client.events import ClientFault, TrackName

MOST_LAYERS: Final = 3


class Published:
    """What is taken up again in every session that follows."""

    def __init__(self) -> None:
        self._layers: dict[TrackName, int] = {}

    @property
    def tracks(self) -> tuple[TrackName, ...]:
        """In the order in which they began."""
        return tuple(self._layers)

    @contextmanager
    def asking(self, track: TrackName, layers: int) -> Iterator[None]:
        """While the operator is asked. When he refuses, all is as before: a track that flowed goes on with the layers it had.

        Raises:
            ClientFault: the track does not have so many layers.
        """
        if not 1 <= layers <= (MOST_LAYERS if track == "main" else 1):
            raise ClientFault(
                "layers_invalid",
                f"`{track}` has no {layers} layers.",
                "The camera has 1 to 3, others have 1.",
            )
        before = self._layers.get(track)
        self._layers[track] = layers
        try:
            yield
        except ClientFault:
            if before is None:
                self._layers.pop(track, None)
            else:
                self._layers[track] = before
            raise

    def end(self, track: TrackName) -> bool:
        """The track flows no longer. Returns whether it did."""
        return self._layers.pop(track, None) is not None

    def check(self, track: TrackName, layer: int) -> None:
        """Raises ClientFault for a layer that was not published."""
        if not 0 <= layer < self._layers.get(track, 1):
            raise ClientFault(
                "layer_not_published", f"`{track}` was not published with layer {layer}.", "Publish it first."
            )
