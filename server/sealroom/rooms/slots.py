# SPDX-License-Identifier: Apache-2.0
"""What the video slots of participants carry: the client binds them, the engine has the last word."""

from sealroom.media import control
from sealroom.media.port import Engine, EngineFailure
from sealroom.rooms.rights import check_may_receive
from sealroom.rooms.state import Participant, engine_refused
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.signalling import Track


class Slots:
    """Binds slots."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def bind(self, participant: Participant, bindings: tuple[signalling.Binding, ...]) -> None:
        """Binds video slots, all or none. A binding older than the slot's newest is passed over: it was overtaken.

        Raises:
            Refusal: a slot or source that there is not, a track that is not published, a missing right.
        """
        wanted = [_binding(participant, binding) for binding in bindings]
        newest = participant.generations
        fresh = [binding for binding in wanted if binding.generation > newest.get(binding.slot, -1)]
        newest.update({binding.slot: binding.generation for binding in fresh})
        if fresh:
            try:
                await self._engine.bind(participant.peer, tuple(fresh))
            except EngineFailure as failure:
                raise engine_refused(failure) from failure

    async def key_frame(self, participant: Participant, slot: int) -> None:
        """Asks the publisher shown in a slot for a key frame. Raises `Refusal(slot_unknown)`."""
        if not participant.has_video_slot(slot):
            raise Refusal(ErrorCode.SLOT_UNKNOWN)
        try:
            await self._engine.request_key_frame(participant.peer, slot)
        except EngineFailure as failure:
            raise engine_refused(failure) from failure


def _binding(participant: Participant, binding: signalling.Binding) -> control.SlotBinding:
    if not participant.has_video_slot(binding.slot):
        raise Refusal(ErrorCode.SLOT_UNKNOWN)
    source = binding.source
    if source is None:
        return control.SlotBinding(binding.slot, binding.generation, None)
    publisher = participant.room.participants.get(source.user_id)
    if publisher is None or not publisher.is_audible or source.track is Track.AUDIO:
        raise Refusal(ErrorCode.SOURCE_UNKNOWN)
    check_may_receive(participant, source.track)
    if source.track not in publisher.tracks:
        raise Refusal(ErrorCode.NOT_PUBLISHED)
    wanted = control.SlotSource(publisher.peer, source.track, source.layer)
    return control.SlotBinding(binding.slot, binding.generation, wanted)
