# SPDX-License-Identifier: Apache-2.0
"""What is told of an event, field for field as TRTC tells it, and the signature."""

import json
from typing import Any

import pytest

from sealroom.rooms import events
from sealroom.rooms.events import Call, CloseReason, EnterReason, ExitReason, RoomEvent, Terminal
from sealroom.webhooks.bodies import body, sign, told_of
from sealroom_wire.ids import room_number, room_string
from sealroom_wire.participant import ClientInfo, Role, Track

AT = 1_664_209_748_188
CALL = Call("1400000001_8489_1664209748", 1_400_000_001, room_number(8489), AT)
WHO: dict[str, Any] = {
    "id": "e" * 32,
    "call": CALL,
    "at": AT,
    "user_id": "user_85034614",
    "peer": 1,
    "role": Role.ANCHOR,
}
COMMON = {"RoomId": 8489, "EventTs": 1_664_209_748, "EventMsTs": AT}
USER = COMMON | {"UserId": "user_85034614"}


def test_the_official_vector_of_the_signature() -> None:
    text = (
        '{\n\t"EventGroupId":\t2,\n\t"EventType":\t204,\n\t"CallbackTs":\t1664209748188,\n\t"EventInfo":\t{\n\t\t"RoomId":\t8489,'
        '\n\t\t"EventTs":\t1664209748,\n\t\t"EventMsTs":\t1664209748180,\n\t\t"UserId":\t"user_85034614",\n\t\t"Reason":\t0\n\t}\n}'
    )
    assert sign(b"123654", text.encode()) == "kkoFeO3Oh2ZHnjtg8tEAQhtXK16/KI05W3BQff8IvGA="


def published(track: Track) -> RoomEvent:
    return events.TrackPublished(**WHO, track=track, muted=True)


def unpublished(track: Track) -> RoomEvent:
    return events.TrackUnpublished(**WHO, track=track)


def entered(sdk: str, role: Role = Role.ANCHOR) -> RoomEvent:
    about = WHO | {"role": role}
    return events.ParticipantEntered(
        **about, reason=EnterReason.RETRIED, address="192.0.2.1", client=ClientInfo(sdk, "1", "Android 15"),
        terminal=Terminal.ANDROID,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("event", "group", "event_type", "info"),
    [
        (events.RoomOpened(id="e", call=CALL, at=AT, user_id="user_85034614"), 1, 101, USER),
        (events.RoomClosed(id="e", call=CALL, at=AT, reason=CloseReason.EMPTY), 1, 102, COMMON),
        (entered("sealroom-web"), 1, 103, USER | {"Role": 20, "TerminalType": 2, "UserType": 1, "Reason": 3}),
        (
            entered("sealroom-customer", Role.AUDIENCE), 1, 103,
            USER | {"Role": 21, "TerminalType": 2, "UserType": 3, "Reason": 3},
        ),
        (
            events.ParticipantLeft(**WHO, entered_at=AT, reason=ExitReason.REMOVED), 1, 104,
            USER | {"Role": 20, "Reason": 3},
        ),
        (published(Track.MAIN), 2, 201, USER),
        (unpublished(Track.MAIN), 2, 202, USER | {"Reason": 0}),
        (published(Track.AUDIO), 2, 203, USER),
        (unpublished(Track.AUDIO), 2, 204, USER | {"Reason": 0}),
        (published(Track.SCREEN), 2, 205, USER),
        (unpublished(Track.SCREEN), 2, 206, USER | {"Reason": 0}),
    ],
)  # fmt: skip
def test_each_event_is_told_as_trtc_tells_it(
    event: RoomEvent, group: int, event_type: int, info: dict[str, object]
) -> None:
    told = told_of(event)
    assert told is not None
    assert (told.group, told.event_type, told.info) == (group, event_type, info)
    assert list(told.info)[:3] == ["RoomId", "EventTs", "EventMsTs"]


def test_a_string_room_is_told_as_a_string_also_where_it_reads_like_a_number() -> None:
    call = Call("c", 1, room_string("8489"), AT)
    told = told_of(events.RoomClosed(id="e", call=call, at=AT, reason=CloseReason.EMPTY))
    assert told is not None
    assert told.info["RoomId"] == "8489"


def test_what_trtc_has_no_event_for_is_not_told() -> None:
    assert told_of(events.TrackMuted(**WHO, track=Track.AUDIO, muted=True)) is None
    assert told_of(events.ParticipantBlocked(**WHO, audio=True, video=True)) is None


def test_the_body_has_trtcs_fields_in_its_order() -> None:
    made = json.loads(body(1, 101, '{"RoomId":8489}', 1_700_000_000_123))
    assert list(made.items()) == [
        ("EventGroupId", 1), ("EventType", 101), ("CallbackTs", 1_700_000_000_123), ("EventInfo", {"RoomId": 8489}),
    ]  # fmt: skip
