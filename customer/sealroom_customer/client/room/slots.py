# SPDX-License-Identifier: Apache-2.0
"""Our receive slots: which number shows whom, and which are free."""

from collections.abc import Iterable
from dataclasses import dataclass

from sealroom_customer.client.events import TrackName
from sealroom_wire import signalling
from sealroom_wire.limits import MAX_SLOTS


@dataclass(slots=True)
class Slot:
    """A video slot and whom it is bound to. `layer` 0 is the smallest of a simulcast."""

    number: int
    generation: int = 0
    user: str | None = None
    track: TrackName = "main"
    layer: int = 2

    def binding(self) -> signalling.Binding:
        """What the operator shall let flow into it, under a generation of its own."""
        self.generation += 1
        source = (
            None
            if self.user is None
            else signalling.Source(self.user, signalling.Track(self.track), self.layer)
        )
        return signalling.Binding(slot=self.number, generation=self.generation, source=source)


class SlotTable:
    """All slots of a client. Bindings outlive the line to the operator. **He may name what slots he likes: those are kept that may be.**"""

    def __init__(self) -> None:
        self._video: list[Slot] = []
        self._audio: dict[int, str | None] = {}
        self._count = 0

    @property
    def count(self) -> int:
        """Audio and video slots that were agreed on."""
        return self._count

    def learn(self, slots: Iterable[signalling.ReceiveSlot]) -> None:
        """Takes the slots of an answer: those already known keep whom they are bound to."""
        known = {slot.number for slot in self._video}
        agreed = [slot for slot in slots if 0 <= slot.slot < MAX_SLOTS]
        self._count = len(agreed)
        for slot in agreed:
            if slot.kind is signalling.SlotKind.VIDEO and slot.slot not in known:
                self._video.append(Slot(slot.slot))

    def free(self) -> Slot | None:
        """A video slot that shows nobody."""
        return next((slot for slot in self._video if slot.user is None), None)

    def showing(self, user: str, track: TrackName) -> Slot | None:
        """The slot that is bound to somebody's track."""
        return next((slot for slot in self._video if slot.user == user and slot.track == track), None)

    def bound(self) -> list[Slot]:
        """Slots that are bound to somebody."""
        return [slot for slot in self._video if slot.user is not None]

    def at(self, number: int) -> Slot | None:
        """The video slot of a number."""
        return next((slot for slot in self._video if slot.number == number), None)

    def heard(self, slots: Iterable[signalling.AudioSlot]) -> None:
        """The operator says whose voice is where. Only believed where nothing is sealed."""
        self._audio.update({slot.slot: slot.user_id for slot in slots if 0 <= slot.slot < MAX_SLOTS})

    def voice_at(self, number: int) -> str | None:
        """Whom the operator put into an audio slot."""
        return self._audio.get(number)
