# SPDX-License-Identifier: Apache-2.0
"""Events reach their endpoints: in the order of their room, signed, tried again, set aside, and never twice at once."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from sealroom.core.config.schema import TraceSettings
from sealroom.core.db import Database
from sealroom.core.keys import EnvelopeError
from sealroom.core.traces import traces_of
from sealroom.webhooks import delivery, schedule
from sealroom.webhooks import outbox as outbox_module
from sealroom.webhooks.bodies import sign
from sealroom.webhooks.client import NotTaken, Problem
from sealroom.webhooks.endpoints import Endpoint, Endpoints, WebhookError
from sealroom.webhooks.letters import Letter
from sealroom.webhooks.models import Group, State, Subscriber, outbox
from server.tests.collector import collecting, said
from server.tests.fakes import ACTOR, APP, NOW
from server.tests.webhooks.conftest import URL, Post

KEYS_URL = "https://keys.example/authority/v1/webhook"


async def everything(post: Post) -> list[Letter]:
    return await post.letters.page()


async def test_an_event_is_sent_signed_and_its_row_goes(post: Post) -> None:
    post.worker()
    event = post.published("room")
    await post.happened(event)
    await post.until(lambda: len(post.client.got) == 1)
    _, url, headers, body = post.client.got[0]
    assert url == URL
    assert headers == {
        "SdkAppId": str(APP), "X-Sealroom-Event-Id": event.id, "Sign": sign(b"secret123", body),
    }  # fmt: skip
    told = json.loads(body)
    assert (told["EventGroupId"], told["EventType"]) == (2, 203)
    assert NOW * 1000 <= told["CallbackTs"] <= NOW * 1000 + 2000
    for _ in range(50):
        await post.passes(0.5)
        if not await everything(post):
            break
    assert await everything(post) == []


async def test_each_attempt_is_traced_without_the_event(post: Post) -> None:
    with collecting() as collector:
        traces = traces_of(TraceSettings(collector.url, 1.0), "1", "sg")
        post.worker(traces=traces)
        post.refuse(planted=Problem.STATUS)
        await post.happened(post.published("planted-room", "planted"))
        await post.until(lambda: len(post.client.got) == 2)
        await post.happened(post.published("other-planted-room", "planted-too"))
        await post.until(lambda: len(post.client.got) == 3)
        await post.settles()
        await traces.close()
        assert [said(one) for one in collector.named("webhook.delivery")] == [
            {"application": APP, "kind": 203, "attempt": 1, "code": "status_not_200", "error": "NotTaken"},
            {"application": APP, "kind": 203, "attempt": 2, "code": "status_not_200", "error": "NotTaken"},
            {"application": APP, "kind": 203, "attempt": 1, "code": "ok"},
        ]
        assert b"planted" not in b"".join(one.SerializeToString() for one in collector.requests)


async def test_a_room_keeps_its_order_and_another_does_not_wait(post: Post) -> None:
    post.worker()
    post.refuse(bad=Problem.STATUS)
    await post.happened(
        post.published("one", "bad"), post.published("one", "after"), post.published("two", "other")
    )
    await post.passes(5)
    assert set(post.seen()) == {("one", "bad"), ("two", "other")}
    post.refuse()
    await post.passes(10)
    assert post.seen()[-2:] == [("one", "bad"), ("one", "after")]


async def test_a_fault_of_the_client_holds_no_event_up_for_ever(post: Post) -> None:
    post.worker()

    def faulty(_: str, body: bytes) -> NotTaken | None:
        if len(post.client.got) == 1:
            raise ValueError("a case that nobody thought of")
        return None

    post.client.refuses = faulty
    await post.happened(post.published("room", "first"), post.published("room", "second"))
    await post.passes(5)
    assert post.seen() == [("room", "first"), ("room", "first"), ("room", "second")]


class Faltering:
    """Endpoints whose list cannot be read as often as a test says."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self.fails = 0

    async def all(self) -> list[Endpoint]:
        if self.fails:
            self.fails -= 1
            raise EnvelopeError("master_key_missing", "It cannot be asked.", "Restore it.")
        return await self._endpoints.all()


async def test_what_was_claimed_while_endpoints_could_not_be_read_goes_out_when_they_can(post: Post) -> None:
    real, faltering = post.endpoints, Faltering(post.endpoints)
    post.endpoints = faltering  # type: ignore[assignment]
    post.worker()
    post.client.hold = asyncio.Event()
    await post.happened(post.published("one", "first"))
    await post.passes(2)
    # With the outcome of the first the second is claimed, at an endpoint that changed meanwhile.
    faltering.fails = 1
    await real.set(APP, Group.MEDIA, f"{URL}/new", "secret123", actor=ACTOR)
    async with post.database.writing() as connection:
        await post.outbox.write(connection, [post.published("two", "second")])
    post.client.hold.set()
    await post.passes(10)
    assert faltering.fails == 0
    assert [(user, url) for (_, url, _, _), (_, user) in zip(post.client.got, post.seen(), strict=True)] == [
        ("first", URL), ("second", f"{URL}/new")
    ]  # fmt: skip


async def test_the_first_minute_is_trtcs_and_then_the_others_go_on(post: Post) -> None:
    post.worker()
    post.refuse(bad=Problem.TIMEOUT)
    await post.happened(post.published("room", "bad"), post.published("room", "after"))
    await post.passes(70)
    begun, *later = post.times("bad")
    assert [round(one - begun) for one in later] == [0, 10, 20, 30, 40, 50]
    (parked,) = await everything(post)
    assert (parked.state, parked.attempts, parked.problem) == (State.PARKED, 7, "timed_out")
    assert len(post.times("after")) == 1


async def test_an_event_that_its_endpoint_does_not_like_is_not_tried_with_each_other_one(post: Post) -> None:
    post.worker()
    post.refuse(bad=Problem.STATUS)
    await post.happened(post.published("room", "bad"))
    for number in range(40):
        await post.happened(post.published("room", f"user{number}"))
        await post.passes(2, 0.5)
    await post.passes(2)
    assert len(post.times("bad")) <= 8
    assert len({user for _, user in post.seen()}) == 41


async def test_a_parked_event_goes_out_later_with_its_own_time_and_id(post: Post) -> None:
    post.worker()
    post.refuse(bad=Problem.STATUS)
    await post.happened(post.published("room", "bad"))
    await post.passes(62)
    post.refuse()
    await post.passes(70)
    _, _, first, body = post.client.got[0]
    _, _, last, later = post.client.got[-1]
    assert first["X-Sealroom-Event-Id"] == last["X-Sealroom-Event-Id"]
    assert json.loads(body)["EventInfo"] == json.loads(later)["EventInfo"]
    assert json.loads(later)["CallbackTs"] > json.loads(body)["CallbackTs"] + 60_000
    assert await everything(post) == []


async def test_after_a_day_it_is_dead_and_can_be_sent_again(
    post: Post, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert schedule.DAY == 86_400
    monkeypatch.setattr(schedule, "DAY", 3_600.0)  # a day takes long, also of virtual time
    post.worker()
    post.refuse(everybody=Problem.CONNECT)
    await post.happened(post.published("room"))
    await post.passes(62)
    await post.passes(3_600, 15)
    await post.passes(3)
    (dead,) = await everything(post)
    assert (dead.state, dead.problem) == (State.DEAD, "not_connected")
    assert 10 < len(post.client.got) < 14
    count = len(post.client.got)
    await post.passes(600, 15)
    assert len(post.client.got) == count

    post.refuse()
    assert await post.letters.replay(APP + 1, actor=ACTOR) == 0
    assert await post.letters.replay(APP, dead.id, actor=ACTOR) == 1
    await post.passes(3)
    assert len(post.client.got) == count + 1
    assert json.loads(post.client.got[-1][3])["EventInfo"]["EventMsTs"] == NOW * 1000
    assert await everything(post) == []
    async with database.reading() as connection:
        told = await connection.execute(text("SELECT event FROM audit_entries ORDER BY id DESC LIMIT 1"))
        assert told.scalar() == "webhooks_replayed"


async def test_what_waited_behind_a_dead_endpoint_is_set_aside_without_asking_it_each_time(
    post: Post,
) -> None:
    post.worker()
    post.refuse(everybody=Problem.TIMEOUT)
    await post.happened(*(post.published("room", f"user{number}") for number in range(50)))
    await post.passes(75)
    letters = await everything(post)
    assert {letter.state for letter in letters} == {State.PARKED}
    assert len(letters) == 50
    assert len(post.client.got) < 12


async def test_an_endpoint_that_comes_back_gets_at_once_what_was_set_aside(post: Post) -> None:
    post.worker()
    post.refuse(everybody=Problem.CONNECT)
    await post.happened(*(post.published("room", f"user{number}") for number in range(20)))
    await post.passes(300, 1)
    assert len(await everything(post)) == 20
    post.refuse()
    post.client.got.clear()
    await post.happened(post.published("room", "fresh"))
    await post.passes(12)
    assert len({user for _, user in post.seen()}) == 21


async def subscribes(post: Post) -> None:
    """The authority of the application takes its events too."""
    await post.endpoints.set(
        APP, Group.MEDIA, KEYS_URL, "authority123", actor=ACTOR, subscriber=Subscriber.AUTHORITY
    )


def at(post: Post, url: str) -> list[str]:
    """Of whom an endpoint was told, in order."""
    found = [json.loads(body)["EventInfo"] for _, where, _, body in post.client.got if where == url]
    return [info["UserId"] for info in found]


async def test_an_authority_is_told_beside_the_backend_each_with_its_own_signature(post: Post) -> None:
    await subscribes(post)
    post.worker()
    event, foreign = post.published("room"), post.published("room", app=APP + 1)
    await post.happened(event, foreign)
    await post.until(lambda: len(post.client.got) == 3)
    sent = {(url, headers["SdkAppId"]): (headers, body) for _, url, headers, body in post.client.got}
    assert sent.keys() == {(URL, str(APP)), (KEYS_URL, str(APP)), (URL, str(APP + 1))}
    for url, key in ((URL, b"secret123"), (KEYS_URL, b"authority123")):
        headers, body = sent[url, str(APP)]
        assert (headers["X-Sealroom-Event-Id"], headers["Sign"]) == (event.id, sign(key, body))
    await post.passes(2)
    assert await everything(post) == []


async def test_of_two_at_one_address_each_keeps_its_own_order(post: Post) -> None:
    await post.endpoints.set(
        APP, Group.MEDIA, URL, "authority123", actor=ACTOR, subscriber=Subscriber.AUTHORITY
    )
    await post.happened(post.published("room", "first"), post.published("room", "second"))
    rows = await post.database.ask(select(outbox.c.subscriber, outbox.c.lane).distinct())
    assert len({row.lane for row in rows}) == len(rows) == 2
    post.worker()
    await post.until(lambda: len(post.client.got) == 4)
    for key in (b"secret123", b"authority123"):
        mine = [
            json.loads(body) for _, _, headers, body in post.client.got if headers["Sign"] == sign(key, body)
        ]
        assert [one["EventInfo"]["UserId"] for one in mine] == ["first", "second"]


async def test_an_authority_that_is_down_holds_up_nothing_of_the_backend(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PER_TAKER", 4)
    monkeypatch.setattr(delivery, "MAX_HELD_PER_TAKER", 8)
    monkeypatch.setattr(outbox_module, "MAX_CLAIM_PER_TAKER", 8)
    monkeypatch.setattr(delivery, "COUNT_SECONDS", 1.0)
    await subscribes(post)
    post.client.refuses = lambda url, body: NotTaken(Problem.TIMEOUT) if url == KEYS_URL else None
    post.worker(max_waiting=40)
    users = [f"user{number}" for number in range(60)]
    for part in range(0, 60, 20):
        await post.happened(*(post.published(f"room-{user}", user) for user in users[part : part + 20]))
        await post.passes(5)
    assert sorted(at(post, URL)) == sorted(users)
    await post.passes(120)
    left = await everything(post)
    assert {one.subscriber for one in left} == {Subscriber.AUTHORITY}
    assert {one.state for one in left} == {State.PARKED}
    assert post.outbox.full == {(APP, "authority")}
    assert post.outbox.refused == 60 - len(left)
    assert len(at(post, URL)) == 60, "nothing was sent to the backend again"


async def test_requests_that_hang_at_an_authority_take_no_place_of_the_backends(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PER_TAKER", 2)
    answers, plain = asyncio.Event(), post.client.post

    async def hanging(url: str, headers: dict[str, str], body: bytes) -> None:
        if url == KEYS_URL:
            await answers.wait()
        await plain(url, headers, body)

    monkeypatch.setattr(post.client, "post", hanging)
    await subscribes(post)
    post.worker()
    await post.happened(*(post.published(f"room-{number}") for number in range(6)))
    await post.until(lambda: len(at(post, URL)) == 6)
    assert at(post, KEYS_URL) == []
    answers.set()
    await post.until(lambda: len(at(post, KEYS_URL)) == 6)


async def test_when_one_answers_again_what_is_parked_for_another_keeps_its_time(post: Post) -> None:
    await subscribes(post)
    await post.happened(post.published("room"))
    later = int(post.clock.unix() * 1000) + 3_600_000
    async with post.database.writing() as connection:
        await connection.execute(update(outbox).values(state=State.PARKED.value, next_at=later))
    revived = outbox_module.Revived(APP, Group.MEDIA, "authority")
    await post.outbox.turn("worker", [revived], room=0, saturated=(), renew=False)
    rows = await post.database.ask(select(outbox.c.subscriber, outbox.c.next_at))
    due = {row.subscriber: row.next_at for row in rows}
    assert due["backend"] == later > due["authority"]


async def test_an_authority_that_comes_back_revives_its_own_and_one_that_is_removed_buries_its_own(
    post: Post,
) -> None:
    await subscribes(post)
    post.worker()
    post.refuse(everybody=Problem.TIMEOUT)
    for user in ("one", "two", "three"):
        await post.happened(post.published(f"room-{user}", user))
    await post.passes(75)
    assert {one.state for one in await everything(post)} == {State.PARKED}
    post.client.refuses = lambda url, body: NotTaken(Problem.TIMEOUT) if url == URL else None
    await post.passes(120)
    assert {one.subscriber for one in await everything(post)} == {Subscriber.BACKEND}
    post.refuse(everybody=Problem.TIMEOUT)
    await post.happened(post.published("room-four", "four"))
    assert await post.endpoints.remove(APP, Group.MEDIA, actor=ACTOR, subscriber=Subscriber.AUTHORITY)
    await post.passes(60)
    dead = await post.letters.page(State.DEAD)
    assert [(one.subscriber, one.problem) for one in dead] == [(Subscriber.AUTHORITY, "endpoint_removed")]
    assert [one.group for one in await post.endpoints.all(APP)] == [Group.ROOM, Group.MEDIA]


async def test_an_endpoint_that_is_gone_leaves_dead_letters(post: Post) -> None:
    await post.happened(post.published("room"))
    assert await post.endpoints.remove(APP, Group.MEDIA, actor=ACTOR)
    assert not await post.endpoints.remove(APP, Group.MEDIA, actor=ACTOR)
    post.worker()
    await post.passes(4)
    (dead,) = await everything(post)
    assert (dead.state, dead.problem) == (State.DEAD, "endpoint_removed")
    assert post.client.got == []


async def test_what_nobody_wants_is_not_kept(post: Post) -> None:
    await post.endpoints.set(APP, Group.MEDIA, URL, "", actor=ACTOR, enabled=False)
    await post.happened(post.published("room"), post.published("room", app=APP + 2))
    assert await everything(post) == []


async def test_a_new_address_and_key_are_used_for_the_next_event(post: Post) -> None:
    post.worker()
    await post.happened(post.published("room"))
    await post.until(lambda: len(post.client.got) == 1)
    await post.endpoints.set(APP, Group.MEDIA, "https://new.example/", "", actor=ACTOR)
    await post.passes(2)
    await post.happened(post.published("room"))
    await post.until(lambda: len(post.client.got) == 2)
    _, url, headers, _ = post.client.got[-1]
    assert url == "https://new.example/"
    assert "Sign" not in headers


# many


async def test_one_application_does_not_keep_the_others_out(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MAX_HELD", 120)
    monkeypatch.setattr(delivery, "MAX_HELD_PER_TAKER", 100)
    monkeypatch.setattr(outbox_module, "MAX_CLAIM_PER_TAKER", 100)
    post.client.hold = asyncio.Event()
    post.worker()
    await post.happened(*(post.published(f"room{number}", "busy") for number in range(600)))
    await post.until(lambda: post.client.at_once == delivery.PER_TAKER)
    await post.happened(post.published("room", "other", APP + 1))
    await post.until(lambda: ("room", "other") in post.seen())
    assert post.client.most_at_once == delivery.PER_TAKER + 1


async def test_a_thousand_events_of_many_rooms_each_in_their_order(post: Post) -> None:
    post.worker()
    order = [(f"room{number % 20}", f"user{number}") for number in range(1000)]
    for at in range(0, 1000, 100):
        await post.happened(*(post.published(room, user) for room, user in order[at : at + 100]))
    await post.until(lambda: len(post.client.got) == 1000)
    for room in {room for room, _ in order}:
        assert [one for one in post.seen() if one[0] == room] == [one for one in order if one[0] == room]


async def test_two_workers_send_nothing_twice_and_keep_the_order(post: Post) -> None:
    post.worker()
    post.worker()
    order = [(f"room{number % 7}", f"user{number}") for number in range(300)]
    for at in range(0, 300, 30):
        await post.happened(*(post.published(room, user) for room, user in order[at : at + 30]))
        await post.passes(0.1, 0.02)
    await post.until(lambda: len(post.client.got) >= 300)
    await post.passes(2)
    assert len(post.client.got) == 300
    for room in {room for room, _ in order}:
        assert [one for one in post.seen() if one[0] == room] == [one for one in order if one[0] == room]


async def test_a_room_that_a_worker_is_in_is_no_others(post: Post) -> None:
    await post.happened(
        post.published("one", "first"), post.published("one", "second"), post.published("two", "third")
    )

    async def claimed(owner: str, room: int) -> list[str]:
        parcels, _ = await post.outbox.turn(owner, [], room=room, saturated=(), renew=False)
        return [json.loads(parcel.info)["UserId"] for parcel in parcels]

    assert await claimed("a", 1) == ["first"]
    assert await claimed("b", 10) == ["third"]
    assert await claimed("b", 10) == []
    assert await claimed("a", 10) == ["second"]
    post.clock.advance(outbox_module.LEASE_SECONDS + 1)
    assert await claimed("b", 10) == ["first", "second", "third"]


async def test_of_what_is_anothers_by_now_a_worker_says_nothing(post: Post) -> None:
    await post.happened(post.published("room"))
    (parcel,), _ = await post.outbox.turn("a", [], room=1, saturated=(), renew=False)
    post.clock.advance(outbox_module.LEASE_SECONDS + 1)
    await post.outbox.turn("b", [], room=1, saturated=(), renew=False)
    gone = outbox_module.Kept(parcel.id, State.DEAD, 0, 1, 1, "timed_out")
    await post.outbox.turn("a", [gone, outbox_module.Delivered(parcel.id)], room=0, saturated=(), renew=True)
    (letter,) = await everything(post)
    assert letter.state is State.WAITING


async def test_what_a_killed_worker_had_is_sent_by_another_under_the_same_id(post: Post) -> None:
    post.client.hold = asyncio.Event()
    killed = post.worker()
    event = post.published("room", "first")
    await post.happened(event, post.published("room", "second"))
    await post.until(lambda: len(post.client.got) == 1)
    post.workers.remove(killed)
    assert killed._worker is not None
    killed._worker.cancel()
    for task in killed._tasks:
        task.cancel()
    await post.settles()
    post.client.hold = None
    post.worker()
    await post.passes(50)
    assert len(post.client.got) == 1  # the lease of the killed one still holds
    await post.passes(15)
    assert [headers["X-Sealroom-Event-Id"] for _, _, headers, _ in post.client.got[:2]] == [
        event.id,
        event.id,
    ]
    assert post.seen() == [("room", "first"), ("room", "first"), ("room", "second")]


async def test_a_worker_that_could_not_renew_its_lease_sends_no_more(
    post: Post, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away for longer than the lease; another worker has the events by then."""
    for part in (delivery, outbox_module):
        monkeypatch.setattr(part, "LEASE_SECONDS", 40.0)
    post.refuse(bad=Problem.STATUS)
    worker = post.worker()
    await post.happened(post.published("room", "bad"), post.published("room", "after"))
    await post.passes(2)
    turn, look = post.outbox.turn, post.outbox.look

    async def away(*_: object, **__: object) -> object:
        raise OSError("away")

    monkeypatch.setattr(post.outbox, "turn", away)
    monkeypatch.setattr(post.outbox, "look", away)
    await post.passes(61)
    attempts = len(post.client.got)
    async with database.writing() as connection:
        await connection.execute(update(outbox).values(owner="another", lease_until=(NOW + 1000) * 1000))
    monkeypatch.setattr(post.outbox, "turn", turn)
    monkeypatch.setattr(post.outbox, "look", look)
    await post.passes(30)
    assert len(post.client.got) == attempts
    assert max(post.times("bad")) < 40 - delivery.MARGIN_SECONDS + 2
    assert ("room", "after") not in post.seen()
    async with database.reading() as connection:
        owners = await connection.execute(select(outbox.c.owner))
        assert [row.owner for row in owners] == ["another", "another"]
    assert worker._lanes == {}


async def test_a_long_first_minute_renews_its_lease(post: Post) -> None:
    """Two workers: an event that is tried for a minute stays with the one that has it."""
    post.refuse(bad=Problem.STATUS)
    post.worker()
    await post.happened(post.published("room", "bad"))
    await post.passes(1)
    post.worker()
    await post.passes(58)
    assert len(post.times("bad")) == 7


async def test_what_exceeds_an_applications_bound_is_refused_and_counted(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.client.hold = asyncio.Event()
    post.worker(max_waiting=10)
    await post.happened(*(post.published(f"room{number}") for number in range(12)))
    await post.passes(delivery.COUNT_SECONDS + 2, 0.5)
    await post.happened(post.published("late"), post.published("other", app=APP + 1))
    assert len([one for one in await everything(post) if one.sdk_app_id == APP]) == 12
    assert post.outbox.refused == 1
    with suppress(OSError):
        async with post.database.writing() as connection:
            await post.outbox.write(connection, [post.published("broken off")])
            raise OSError
    await post.happened(post.published("again"))
    assert post.outbox.refused == 2, "what is tried again is refused once"
    post.client.hold.set()
    await post.passes(delivery.COUNT_SECONDS + 2, 0.5)
    await post.happened(post.published("later"))
    await post.until(lambda: ("later", "alice") in post.seen())


async def test_a_worker_that_ends_sends_what_is_due_and_gives_back_the_rest(
    post: Post, database: Database
) -> None:
    post.refuse(bad=Problem.STATUS)
    worker = post.worker()
    await post.happened(post.published("one", "bad"))
    await post.passes(3)
    await post.happened(post.published("two", "good"))
    closing = asyncio.ensure_future(worker.close())
    while not closing.done():
        await post.passes(0.1, 0.1)
    post.workers.remove(worker)
    assert ("two", "good") in post.seen()
    (letter,) = await everything(post)
    assert letter.state is State.WAITING
    async with database.reading() as connection:
        assert (await connection.execute(select(outbox.c.owner))).scalar() is None


async def test_an_event_that_the_ledger_writes_again_is_one_row(post: Post) -> None:
    event = post.published("room")
    await post.happened(event)
    with pytest.raises(Exception, match=r"(?i)unique"):
        await post.happened(event)
    assert len(await everything(post)) == 1


# settings


@pytest.mark.parametrize("key", ["", "a", "A1b2" * 8])
async def test_keys_that_are_taken(post: Post, key: str) -> None:
    await post.endpoints.set(APP, Group.ROOM, URL, key, actor=ACTOR)
    assert (await post.endpoints.all(APP))[0].key == key.encode()


@pytest.mark.parametrize("key", ["a" * 33, "with space", "umlautä", "semi;colon", "new\nline"])
async def test_keys_that_are_none(post: Post, key: str) -> None:
    with pytest.raises(WebhookError) as caught:
        await post.endpoints.set(APP, Group.ROOM, URL, key, actor=ACTOR)
    assert caught.value.code == "webhook_key_invalid"


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/",
        "https://[::1]/",
        "http://8.8.8.8/",
        "https://169.254.169.254/latest",
        "ftp://a.example/",
    ],
)
async def test_urls_that_are_refused_when_they_are_set(post: Post, url: str) -> None:
    with pytest.raises(WebhookError):
        await post.endpoints.set(APP, Group.ROOM, url, "", actor=ACTOR)


async def test_a_key_lies_nowhere_in_clear(post: Post, tmp_path: Path) -> None:
    await post.endpoints.set(APP, Group.ROOM, URL, "PlantedKey42", actor=ACTOR)
    assert "PlantedKey42" not in _everything_in(tmp_path)
    assert "PlantedKey42" not in repr(await post.endpoints.all())


def _everything_in(folder: Path) -> str:
    return "".join(file.read_bytes().decode("latin-1") for file in folder.rglob("*") if file.is_file())


def test_a_lease_is_longer_than_what_may_happen_in_it() -> None:
    """A request starts `MARGIN_SECONDS` before the end at the latest, and takes at most the answer's time and the body's."""
    from sealroom.webhooks import client

    assert delivery.MARGIN_SECONDS > client.ANSWER_SECONDS + client.BODY_SECONDS
    assert delivery.RENEW_SECONDS + delivery.MARGIN_SECONDS < outbox_module.LEASE_SECONDS
    assert NotTaken(Problem.DOWN).status == 0
