# SPDX-License-Identifier: Apache-2.0
"""The API `/v1` on either database: whose things are shown, changes that two writers make, requests that come twice, pages."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import quote, unquote

import pytest
from sqlalchemy import insert, select, update

from sealroom.api.models import answers
from sealroom.api.problems import CODES
from sealroom.audit.checkpoint import Checkpoint
from sealroom.audit.models import entries
from sealroom.audit.tree import check_consistency, check_inclusion
from sealroom.core.db import Database
from sealroom.core.db.target import Where
from sealroom.core.errands import Errands
from sealroom.regions.models import receipts
from sealroom.regions.receipt import PURPOSE, call_hash, check_call, sign, verify
from sealroom.regions.receipts import receipt_of
from sealroom.usage.models import KINDS, meters
from sealroom.usage.statement import day_of
from sealroom.webhooks.models import State, outbox
from sealroom_wire.notes import NoteKey
from server.tests import fakes
from server.tests.administration import SIGNING_KEYS
from server.tests.api.parts import OTHERS_APP, Answer, Backend, World
from server.tests.fakes import APP, NOW

MINE = f"/v1/applications/{APP}"
OTHERS = f"/v1/applications/{OTHERS_APP}"
OVER, OPEN = f"{APP}_room_{NOW}", f"{APP}_room_{NOW + 1}"
"""Calls: one that is over, and one that is not."""
HOOK = {"url": "https://hook.example/rooms", "key": "secret123"}


class ApiContract:
    """Subclasses give a fixture `where` with the place of an empty database."""

    @pytest.fixture
    async def world(self, where: Where, clock: fakes.VirtualClock, errands: Errands) -> AsyncIterator[World]:
        first, second = Database(where), Database(where)
        yield await World.make(first, second, clock, errands)
        await first.close()
        await second.close()

    # whose

    async def test_an_account_sees_its_own_and_no_more(self, world: World) -> None:
        found = await world.call("GET", "/v1/applications")
        assert [one["sdk_app_id"] for one in found.json["items"]] == [APP]
        keys = await world.call("GET", "/v1/api-keys")
        assert [one["secret_id"] for one in keys.json["items"]] == [world.pair[0]]
        told = {one["target"] for one in (await world.call("GET", "/v1/audit/entries")).json["items"]}
        assert told == {f"account {fakes.UIN}", f"application {APP}", f"api key {world.pair[0]}"}

    @pytest.mark.parametrize(
        ("method", "below", "body", "headers"),
        [
            ("GET", "", None, {}),
            ("PATCH", "", {"enabled": False}, {"if_match": "*"}),
            ("POST", "/keys", None, {}),
            ("DELETE", "/keys/1", None, {"if_match": "*"}),
            ("GET", "/bans", None, {}),
            ("GET", "/bans/alice", None, {}),
            ("PUT", "/bans/alice", {}, {"if_none_match": "*"}),
            ("DELETE", "/bans/alice", None, {"if_match": "*"}),
            ("GET", "/webhooks", None, {}),
            ("GET", "/webhooks/room", None, {}),
            ("PUT", "/webhooks/room", HOOK, {"if_none_match": "*"}),
            ("DELETE", "/webhooks/room", None, {"if_match": "*"}),
            ("GET", "/deliveries", None, {}),
            ("POST", "/replays", {}, {}),
            ("GET", f"/receipts/{OVER}", None, {}),
        ],
    )
    async def test_an_application_of_another_account_is_told_from_none_by_nothing(
        self, world: World, method: str, below: str, body: object, headers: dict[str, Any]
    ) -> None:
        their = world.other
        await their("PUT", f"{OTHERS}/bans/alice", {}, if_none_match="*")
        await their("PUT", f"{OTHERS}/webhooks/room", HOOK, if_none_match="*")
        before = await their("GET", OTHERS)
        wrong = await world.call(method, f"{OTHERS}{below}", body, **headers)
        nobodys = await world.call(method, f"/v1/applications/5{below}", body, **headers)
        assert (wrong.status, wrong.code) == (nobodys.status, nobodys.code) == (404, "application_unknown")
        assert wrong.json["title"].replace(str(OTHERS_APP), "5") == nobodys.json["title"]
        assert (await their("GET", OTHERS)).json == before.json
        assert (await their("GET", f"{OTHERS}/bans/alice")).status == 200
        assert (await their("GET", f"{OTHERS}/webhooks/room")).status == 200

    async def test_a_key_of_another_account_is_told_from_none_by_nothing(self, world: World) -> None:
        theirs, none = f"/v1/api-keys/{world.others_pair[0]}", f"/v1/api-keys/AKID{'x' * 32}"
        for method, body in (("GET", None), ("PATCH", {"enabled": False})):
            found = [await world.call(method, path, body, if_match="*") for path in (theirs, none)]
            assert [(one.status, one.code) for one in found] == [(404, "api_key_unknown")] * 2
        assert (await world.other("GET", "/v1/applications")).status == 200

    # applications

    async def test_switches_tags_and_origins_are_changed_from_the_state_that_was_read(
        self, world: World
    ) -> None:
        read = await world.call("GET", MINE)
        assert (read.json["name"], read.json["sealing"], read.etag) == ("Calls", "required", '"1"')
        change = {"recording": True, "tags": {"team": "a"}, "origins": ["https://call.example"]}
        changed = await world.call("PATCH", MINE, change, if_match=read.etag)
        assert (changed.status, changed.etag) == (200, '"2"')
        assert changed.json == read.json | change | {"revision": 2}
        assert (await world.call("GET", MINE)).json == changed.json
        late = await world.call("PATCH", MINE, {"relay": True}, if_match=read.etag)
        assert (late.status, late.code) == (412, "revision_conflict")
        assert not (await world.call("GET", MINE)).json["relay"]
        assert (await world.call("PATCH", MINE, {"relay": True}, if_match="*")).json["relay"]

    async def test_of_two_writers_one_wins(self, world: World) -> None:
        there = world.there.backend(world.pair)
        for number in range(1, 4):
            tag = (await world.call("GET", MINE)).etag
            both = await asyncio.gather(
                world.call("PATCH", MINE, {"name": f"here {number}"}, if_match=tag),
                there("PATCH", MINE, {"name": f"there {number}"}, if_match=tag),
            )
            assert sorted(one.status for one in both) == [200, 412]
            (won,) = (one for one in both if one.status == 200)
            assert (await there("GET", MINE)).json["name"] == won.json["name"]

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"origins": ["https://call.example/path"]}, 422, "application_invalid"),
            ({"name": ""}, 400, "request_invalid"),
            ({"billing_mode": "monthly_package"}, 400, "request_invalid"),
            ({"uin": 5}, 400, "request_invalid"),
            ({"enabled": 1}, 400, "request_invalid"),
            ([], 400, "request_invalid"),
        ],
    )
    async def test_what_does_not_fit_changes_nothing(
        self, world: World, change: object, status: int, code: str
    ) -> None:
        answer = await world.call("PATCH", MINE, change, if_match="*")
        assert (answer.status, answer.code) == (status, code)
        assert (await world.call("GET", MINE)).json["revision"] == 1

    async def test_what_was_used_is_told_by_billing_mode_and_by_pages(self, world: World) -> None:
        today = int(NOW // 86_400 * 86_400_000)
        used = [(today - back * 86_400_000, (back + 1) * 60_000) for back in (3, 2, 0)]
        rows = [
            {"stay": f"s{at}", "bucket": at, "sdk_app_id": APP, "room": "r", **dict.fromkeys(KINDS, 0), "audio": audio, "unknown": 600}
            for at, audio in used
        ]  # fmt: skip
        async with world.database.writing() as connection:
            await connection.execute(insert(meters), rows)
        asked = {"from": f"{day_of(used[0][0])}", "to": f"{day_of(today)}"}
        lines: list[Any] = []
        token = None
        for _ in range(9):
            query = asked | {"page_size": "2"} | ({"page_token": token} if token else {})
            page = (await world.call("GET", f"{MINE}/usage", query=query)).json
            lines, token = [*lines, *page["items"]], page["next_page_token"]
            if token is None:
                break
        nothing = {"hd": 0, "fhd": 0, "qhd": 0, "uhd": 0}
        assert [line["minutes"] for line in lines] == [
            {"audio": minutes, "sd": 0.01, **nothing} for minutes in (4, 3, 1)
        ]
        assert {(line["mode"], line["days"]) for line in lines} == {("daily_duration", 1)}
        await world.here.desk.register.change(
            APP, {"billing_mode": "monthly_package"}, fakes.ACTOR, expected_revision=None
        )
        changed = (await world.call("GET", f"{MINE}/usage", query=asked)).json["items"]
        assert sorted(line["mode"] for line in changed) == ["daily_duration"] * 2 + ["monthly_package"]
        for path in (f"{OTHERS}/usage", "/v1/applications/5/usage"):
            theirs = await world.call("GET", path, query=asked)
            assert (theirs.status, theirs.code) == (404, "application_unknown")
        for wrong in (
            {},
            {"from": "x", "to": "y"},
            {"from": asked["to"], "to": asked["from"]},
            asked | {"from": "1999-01-01"},
        ):
            answer = await world.call("GET", f"{MINE}/usage", query=wrong)
            assert (answer.status, answer.code) == (400, "request_invalid")

    async def test_conditions_are_asked_for_and_understood(self, world: World) -> None:
        for method, path, body in (
            ("PATCH", MINE, {}), ("DELETE", f"{MINE}/keys/1", None), ("PUT", f"{MINE}/bans/a", {}), ("DELETE", f"{MINE}/bans/a", None),
            ("PUT", f"{MINE}/webhooks/room", HOOK), ("DELETE", f"{MINE}/webhooks/room", None),
            ("PATCH", f"/v1/api-keys/{world.pair[0]}", {"enabled": False}),
        ):  # fmt: skip
            bare = await world.call(method, path, body)
            assert (bare.status, bare.code) == (428, "precondition_required"), path
            for wrong in ("1", 'W/"1"', '"1", "2"', '""', '"a b"'):
                answer = await world.call(method, path, body, if_match=wrong)
                assert (answer.status, answer.code) == (400, "condition_invalid"), (path, wrong)
        both = await world.call("PUT", f"{MINE}/bans/a", {}, if_match="*", if_none_match="*")
        assert both.code == "condition_invalid"
        assert (await world.call("PATCH", MINE, {}, if_match='"never"')).status == 412

    async def test_an_erasure_of_an_application_finds_all_that_was_done_with_its_webhooks(
        self, world: World
    ) -> None:
        await letters(world, {State.DEAD: 1})
        await world.call("PUT", f"{MINE}/webhooks/room", HOOK, if_none_match="*")
        await world.call("POST", f"{MINE}/replays", {})
        await world.call("DELETE", f"{MINE}/webhooks/room", if_match="*")
        asked = select(entries.c.event, entries.c.subject).where(entries.c.event.like("webhook%"))
        told = [tuple(row) for row in await world.database.ask(asked.order_by(entries.c.id))]
        assert told == [
            (event, f"{APP}") for event in ("webhook_changed", "webhooks_replayed", "webhook_removed")
        ]

    # secrets

    async def test_an_application_s_key_is_shown_once_and_replaces_the_first(self, world: World) -> None:
        made = await world.call("POST", f"{MINE}/keys")
        assert (made.status, made.json["number"], made.headers["idempotency-replayed"]) == (201, 2, "false")
        secret = made.json["secret_key"]
        shown = await world.call("GET", MINE)
        assert [key["number"] for key in shown.json["keys"]] == [1, 2]
        third = await world.call("POST", f"{MINE}/keys")
        assert (third.status, third.code) == (409, "application_keys_too_many")
        old = await world.call("DELETE", f"{MINE}/keys/1", if_match='"1"')
        assert old.status == 412
        gone = await world.call("DELETE", f"{MINE}/keys/1", if_match=shown.etag)
        assert (gone.status, gone.body) == (204, b"")
        known = await world.there.desk.apps.find(APP)
        assert known.secret_keys == (secret,)
        last = await world.call("DELETE", f"{MINE}/keys/2", if_match="*")
        assert (last.status, last.code) == (409, "application_key_last")
        again = await world.call("DELETE", f"{MINE}/keys/1", if_match="*")
        assert (again.status, again.code) == (404, "application_key_unknown")

    async def test_a_secret_is_in_the_one_answer_and_nowhere_else(self, world: World) -> None:
        app_key = await world.call("POST", f"{MINE}/keys")
        api_key = await world.call("POST", "/v1/api-keys")
        await world.call("PUT", f"{MINE}/webhooks/room", HOOK, if_none_match="*")
        secrets = [app_key.json["secret_key"], api_key.json["secret_key"], HOOK["key"]]
        reads = ["/v1/applications", MINE, "/v1/api-keys", f"/v1/api-keys/{api_key.json['secret_id']}", f"{MINE}/webhooks",
                 f"{MINE}/webhooks/room", "/v1/audit/entries"]  # fmt: skip
        for path in reads:
            text = (await world.call("GET", path)).body.decode()
            assert not [one for one in secrets if one in text], path
        for row in await world.database.ask(select(answers)):
            assert not [one for one in secrets if one.encode() in bytes(row.answer)]

    async def test_an_api_key_is_made_used_and_switched_off_by_another_only(self, world: World) -> None:
        made = await world.call("POST", "/v1/api-keys")
        assert made.status == 201
        new = world.here.backend((made.json["secret_id"], made.json["secret_key"]))
        assert (await new("GET", MINE)).status == 200
        third = await new("POST", "/v1/api-keys")
        assert (third.status, third.code) == (409, "api_keys_too_many")
        old = f"/v1/api-keys/{world.pair[0]}"
        shown = await new("GET", old)
        own = await world.call("PATCH", old, {"enabled": False}, if_match=shown.etag)
        assert (own.status, own.code) == (409, "api_key_in_use")
        off = await new("PATCH", old, {"enabled": False}, if_match=shown.etag)
        assert (off.status, off.json["enabled"], off.json["disabled_at"]) == (200, False, NOW)
        assert (await new("PATCH", old, {"enabled": True}, if_match="*")).status == 400
        assert (await new("PATCH", old, {"enabled": False}, if_match="*")).code == "api_key_disabled"
        world.clock.advance(1)
        refused = await world.call("GET", MINE)
        assert (refused.status, refused.code) == (401, "api_key_rejected")

    # twice

    async def test_a_request_that_comes_again_does_nothing_again(self, world: World) -> None:
        first = await world.call("POST", f"{MINE}/keys", idempotency_key="k1")
        for caller in (world.call, world.there.backend(world.pair)):
            again = await caller("POST", f"{MINE}/keys", idempotency_key="k1")
            assert (again.status, again.json) == (201, first.json)
            assert again.headers["idempotency-replayed"] == "true"
        assert len((await world.call("GET", MINE)).json["keys"]) == 2

    async def test_a_key_stands_for_one_request_of_one_account(self, world: World) -> None:
        await world.call("POST", f"{MINE}/keys", idempotency_key="k1")
        for path in ("/v1/api-keys", f"{MINE}/replays"):
            other = await world.call("POST", path, {} if "replays" in path else None, idempotency_key="k1")
            assert (other.status, other.code) == (422, "idempotency_key_used")
        theirs = await world.other("POST", "/v1/api-keys", idempotency_key="k1")
        assert (theirs.status, theirs.headers["idempotency-replayed"]) == (201, "false")

    async def test_a_refusal_is_not_kept(self, world: World) -> None:
        await world.call("POST", f"{MINE}/keys")
        full = await world.call("POST", f"{MINE}/keys", idempotency_key="k2")
        assert full.status == 409
        await world.call("DELETE", f"{MINE}/keys/1", if_match="*")
        assert (await world.call("POST", f"{MINE}/keys", idempotency_key="k2")).status == 201

    async def test_an_answer_is_given_again_for_a_day(self, world: World) -> None:
        first = await world.call("POST", f"{MINE}/keys", idempotency_key="k1")
        await world.call("DELETE", f"{MINE}/keys/1", if_match="*")
        world.clock.advance(24 * 3600 - 1)
        assert (await world.call("POST", f"{MINE}/keys", idempotency_key="k1")).json == first.json
        world.clock.advance(1)
        later = await world.call("POST", f"{MINE}/keys", idempotency_key="k1")
        assert (later.status, later.json["number"]) == (201, 3)

    async def test_two_of_one_request_at_once_make_one_thing(self, world: World) -> None:
        callers = (world.call, world.there.backend(world.pair), world.call)
        both = await asyncio.gather(*(one("POST", f"{MINE}/keys", idempotency_key="k1") for one in callers))
        assert [one.status for one in both] == [201] * 3
        assert len({one.body for one in both}) == 1
        assert sorted(one.headers["idempotency-replayed"] for one in both) == ["false", "true", "true"]
        assert len((await world.call("GET", MINE)).json["keys"]) == 2

    async def test_what_breaks_before_the_commit_made_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The answer is the last thing that is written: where that fails, the key is not there either."""

        async def fails(*_: object) -> bytes:
            raise RuntimeError("power cut")

        with monkeypatch.context() as broken:
            broken.setattr("sealroom.api.idempotency.ANSWER.encrypt", fails)
            answer = await world.call("POST", f"{MINE}/keys", idempotency_key="k1")
        assert (answer.status, answer.code) == (500, "internal_error")
        assert "power" not in answer.body.decode()
        assert len((await world.call("GET", MINE)).json["keys"]) == 1
        assert (await world.call("POST", f"{MINE}/keys", idempotency_key="k1")).json["number"] == 2

    async def test_what_breaks_after_the_commit_is_answered_at_the_next_try(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fails() -> int:
            raise RuntimeError("power cut")

        with monkeypatch.context() as broken:
            broken.setattr(world.here.desk.audit, "place", fails)
            lost = await world.call("POST", f"{MINE}/keys", idempotency_key="k1")
        assert lost.status == 500
        there = world.there.backend(world.pair)
        found = await there("POST", f"{MINE}/keys", idempotency_key="k1")
        assert (found.status, found.json["number"], found.headers["idempotency-replayed"]) == (201, 2, "true")
        known = await world.there.desk.apps.find(APP)
        assert known.secret_keys[0] == found.json["secret_key"]

    async def test_a_post_without_a_key_is_refused(self, world: World) -> None:
        for wrong in ("", "x" * 129, "a b"):
            answer = await world.call("POST", f"{MINE}/keys", idempotency_key=wrong)
            assert (answer.status, answer.code) == (400, "request_invalid"), wrong
        assert len((await world.call("GET", MINE)).json["keys"]) == 1

    # bans

    async def test_a_ban_is_made_changed_and_lifted(self, world: World) -> None:
        path = f"{MINE}/bans/alice"
        made = await world.call("PUT", path, {"issued_before": NOW - 50}, if_none_match="*")
        assert (made.status, made.json["room"], made.json["issued_before"]) == (200, None, NOW - 50)
        taken = await world.call("PUT", path, {}, if_none_match="*")
        assert (taken.status, taken.code) == (412, "revision_conflict")
        world.clock.advance(1)
        more = await world.call("PUT", path, {}, if_match=made.etag)
        assert more.json["issued_before"] == NOW + 2
        back = await world.call("PUT", path, {"issued_before": 5}, if_match=more.etag)
        assert back.json["issued_before"] == NOW + 2
        assert (await world.call("DELETE", path, if_match=made.etag)).status == 412
        assert (await world.call("DELETE", path, if_match=back.etag)).status == 204
        gone = [await world.call("GET", path), await world.call("DELETE", path, if_match="*")]
        assert [(one.status, one.code) for one in gone] == [(404, "ban_unknown")] * 2
        assert (await world.call("PUT", path, {}, if_match="*")).status == 412

    async def test_bans_of_one_room_stand_beside_those_of_all(self, world: World) -> None:
        path = f"{MINE}/bans/alice"
        for room in ("number:7", "string:7", "string:a b/c"):
            made = await world.call("PUT", path, {}, query={"room": room}, if_none_match="*")
            assert made.status == (422 if "/" in room else 200), room
        await world.call("PUT", path, {}, if_none_match="*")
        listed = (await world.call("GET", f"{MINE}/bans")).json["items"]
        assert [one["room"] for one in listed] == [None, "number:7", "string:7"]
        assert (await world.call("DELETE", path, query={"room": "number:7"}, if_match="*")).status == 204
        assert (await world.call("GET", path, query={"room": "string:7"})).status == 200
        for wrong in ("7", "number:07", "number:0", "room:x", "string:", "number:x"):
            answer = await world.call("GET", path, query={"room": wrong})
            assert (answer.status, answer.code) == (422, "room_id_invalid"), wrong
        assert (await world.call("GET", f"{MINE}/bans/a.b")).code == "user_id_invalid"

    async def test_of_two_who_ban_or_lift_one_wins(self, world: World) -> None:
        path, there = f"{MINE}/bans/alice", world.there.backend(world.pair)
        both = await asyncio.gather(*(one("PUT", path, {}, if_none_match="*") for one in (world.call, there)))
        assert sorted(one.status for one in both) == [200, 412]
        tag = (await there("GET", path)).etag
        world.clock.advance(1)
        changed, lifted = await asyncio.gather(
            world.call("PUT", path, {}, if_match=tag), there("DELETE", path, if_match=tag)
        )
        assert sorted((changed.status, lifted.status)) in ([200, 412], [204, 412])

    # receipts

    async def test_a_receipt_is_its_owners_and_verifies_with_the_keys_beside_it(self, world: World) -> None:
        odd = f"{APP}_a b?#%&_{NOW}"
        for call_id in (OVER, odd):
            await receipt(world, call_id)
        for name, path in ((OVER, OVER), (odd, quote(odd, safe="")), (OVER, call_hash(APP, OVER))):
            found = await world.call(
                "GET", f"{MINE}/receipts/{unquote(path)}", raw_path=f"{MINE}/receipts/{path}"
            )
            assert found.status == 200, found.json
            said = verify(found.json["receipt"], [NoteKey.parse(one) for one in found.json["keys"]])
            check_call(said, name)
            assert (said.application, said.stays) == (APP, 2)
        theirs = await world.other("GET", f"{OTHERS}/receipts/{OVER}")
        hashed = await world.other("GET", f"{OTHERS}/receipts/{call_hash(APP, OVER)}")
        assert [(one.status, one.code) for one in (theirs, hashed)] == [(404, "receipt_unknown")] * 2

    async def test_a_call_that_is_not_over_has_no_receipt_yet(self, world: World) -> None:
        await receipt(world, OPEN, note=False)
        found = await world.call("GET", f"{MINE}/receipts/{OPEN}")
        assert (found.status, found.code) == (404, "receipt_not_made")
        assert (await world.call("GET", f"{MINE}/receipts/none")).code == "receipt_unknown"

    # webhooks

    async def test_a_webhook_is_set_changed_and_deleted(self, world: World) -> None:
        path = f"{MINE}/webhooks/media"
        assert (await world.call("GET", path)).code == "webhook_unknown"
        made = await world.call("PUT", path, HOOK, if_none_match="*")
        assert (made.status, made.json["signed"], made.json["enabled"]) == (200, True, True)
        assert "key" not in made.json
        assert (await world.call("PUT", path, HOOK, if_none_match="*")).status == 412
        same = await world.call("PUT", path, HOOK, if_match=made.etag)
        # The same said again is a change all the same: nobody can tell whether the key is another one.
        assert same.etag != made.etag
        assert (await world.call("PUT", path, HOOK, if_match=made.etag)).status == 412
        off = await world.call("PUT", path, HOOK | {"enabled": False, "key": ""}, if_match=same.etag)
        assert (off.json["signed"], off.json["enabled"]) == (False, False)
        listed = (await world.call("GET", f"{MINE}/webhooks")).json["items"]
        assert listed == [off.json]
        assert (await world.call("DELETE", path, if_match=same.etag)).status == 412
        assert (await world.call("DELETE", path, if_match=off.etag)).status == 204
        assert (await world.call("DELETE", path, if_match="*")).code == "webhook_unknown"
        assert (await world.call("GET", f"{MINE}/webhooks/other")).status in (400, 404)

    async def test_an_authority_subscribes_beside_the_backend(self, world: World) -> None:
        path, beside = f"{MINE}/webhooks/room", {"subscriber": "authority"}
        backend = await world.call("PUT", path, HOOK, if_none_match="*")
        assert (await world.call("GET", path, query=beside)).code == "webhook_unknown"
        keys = {"url": "https://keys.example/authority/v1/webhook", "key": "another0123456789"}
        authority = await world.call("PUT", path, keys, query=beside, if_none_match="*")
        assert (backend.json["subscriber"], authority.json["subscriber"]) == ("backend", "authority")
        listed = (await world.call("GET", f"{MINE}/webhooks")).json["items"]
        assert listed == [authority.json, backend.json]
        assert (await world.call("GET", path)).json == backend.json
        assert (await world.call("DELETE", path, query=beside, if_match=backend.etag)).status == 412
        assert (await world.call("DELETE", path, query=beside, if_match=authority.etag)).status == 204
        assert (await world.call("GET", path)).json == backend.json
        assert (await world.call("GET", path, query={"subscriber": "other"})).status == 400

    @pytest.mark.parametrize(
        ("spec", "code"),
        [
            ({"url": "https://user@hook.example/", "key": ""}, "url_invalid"),
            ({"url": "https://10.0.0.1/", "key": ""}, "address_refused"),
            ({"url": "https://hook.example/", "key": "no spaces"}, "webhook_key_invalid"),
        ],
    )
    async def test_an_endpoint_that_cannot_be_is_refused(
        self, world: World, spec: dict[str, str], code: str
    ) -> None:
        answer = await world.call("PUT", f"{MINE}/webhooks/room", spec, if_none_match="*")
        assert (answer.status, answer.code) == (422, code)

    async def test_dead_deliveries_are_listed_and_sent_again_once(self, world: World) -> None:
        await letters(world, {State.DEAD: 3, State.PARKED: 2})
        await letters(world, {State.DEAD: 1}, app=OTHERS_APP)
        dead = (await world.call("GET", f"{MINE}/deliveries")).json["items"]
        assert [one["event"] for one in dead] == [{"UserId": f"dead{n}"} for n in range(3)]
        assert {one["group"] for one in dead} == {"room"}
        parked = await world.call("GET", f"{MINE}/deliveries", query={"state": "parked"})
        assert len(parked.json["items"]) == 2
        one = await world.call("POST", f"{MINE}/replays", {"delivery": dead[0]["id"]}, idempotency_key="k1")
        assert (one.status, one.json) == (201, {"count": 1})
        # It died again meanwhile: the request that comes again does not send it again.
        async with world.database.writing() as connection:
            await connection.execute(
                update(outbox).where(outbox.c.id == dead[0]["id"]).values(state=State.DEAD.value)
            )
        again = await world.call("POST", f"{MINE}/replays", {"delivery": dead[0]["id"]}, idempotency_key="k1")
        assert (again.json, again.headers["idempotency-replayed"]) == ({"count": 1}, "true")
        assert len((await world.call("GET", f"{MINE}/deliveries")).json["items"]) == 3
        every = await world.call("POST", f"{MINE}/replays", {})
        assert every.json == {"count": 3}
        assert (await world.call("POST", f"{MINE}/replays", {})).json == {"count": 0}
        theirs = (await world.other("GET", f"{OTHERS}/deliveries")).json["items"]
        unknown = await world.call("POST", f"{MINE}/replays", {"delivery": theirs[0]["id"]})
        assert (unknown.status, unknown.code) == (404, "delivery_unknown")
        assert len((await world.other("GET", f"{OTHERS}/deliveries")).json["items"]) == 1

    # pages

    async def test_pages_stay_as_they_are_while_things_come_and_go(self, world: World) -> None:
        users = [f"u{number:02}" for number in range(0, 20, 2)]
        for user in users:
            await world.call("PUT", f"{MINE}/bans/{user}", {}, if_none_match="*")
        seen: list[str] = []

        async def between(page: int) -> None:
            if page == 0:
                await world.call("PUT", f"{MINE}/bans/u01", {}, if_none_match="*")
                await world.call("DELETE", f"{MINE}/bans/{seen[-1]}", if_match="*")
                await world.call("PUT", f"{MINE}/bans/u17", {}, if_none_match="*")

        pages = await _pages(world.call, f"{MINE}/bans", 3, lambda one: seen.append(one["user_id"]), between)
        assert seen == [*users[:9], "u17", users[9]]
        assert pages == 4

    async def test_every_list_has_pages(self, world: World) -> None:
        desk = world.here.desk
        for number in range(4):
            await desk.register.create(
                fakes.UIN, (await desk.register.find(APP)).spec, fakes.ACTOR, sdk_app_id=APP + 1 + number
            )
            made = await desk.api_keys.create(fakes.UIN, fakes.ACTOR)
            await desk.api_keys.disable(made.secret_id, fakes.ACTOR, expected_revision=None)
        await letters(world, {State.DEAD: 5})
        for path, count in (
            ("/v1/applications", 5), ("/v1/api-keys", 5), (f"{MINE}/deliveries", 5), ("/v1/audit/entries", 15),
        ):  # fmt: skip
            whole = (await world.call("GET", path)).json
            assert (len(whole["items"]), whole["next_page_token"]) == (count, None), path
            seen: list[object] = []
            await _pages(world.call, path, 2, seen.append)
            assert seen == whole["items"], path

    async def test_a_token_that_is_none_or_another_list_s_is_refused(self, world: World) -> None:
        for number in range(3):
            await world.call("PUT", f"{MINE}/bans/u{number}", {}, if_none_match="*")
        token = (await world.call("GET", f"{MINE}/bans", query={"page_size": 1})).json["next_page_token"]
        huge = base64.urlsafe_b64encode(b"\x92\xacapplications\xcf" + b"\xff" * 8).decode()
        for wrong in ("x", "", "ü", token[:-3], huge, token):
            answer = await world.call("GET", "/v1/applications", query={"page_token": wrong})
            assert (answer.status, answer.code) == (400, "page_token_invalid"), wrong
        for size in (0, 201, -1, "x"):
            assert (await world.call("GET", "/v1/applications", query={"page_size": size})).status == 400

    # audit

    async def test_what_the_log_says_is_proved(self, world: World) -> None:
        await world.call("PATCH", MINE, {"relay": True}, if_match="*")
        old = (await world.call("GET", "/v1/audit/checkpoint")).json
        await world.other("PATCH", OTHERS, {"relay": True}, if_match="*")
        await world.call("PATCH", MINE, {"relay": False}, if_match="*")
        new = (await world.call("GET", "/v1/audit/checkpoint")).json
        verifiers = SIGNING_KEYS.verifiers("audit")
        assert new["keys"] == [str(one) for one in verifiers]
        first, last = (Checkpoint.opened(one["checkpoint"], verifiers) for one in (old, new))
        consistent = await world.call(
            "GET", "/v1/audit/proofs/consistency", query={"old": first.size, "new": last.size}
        )
        check_consistency(first.size, last.size, first.root, last.root, _hashes(consistent))
        told = (await world.call("GET", "/v1/audit/entries")).json["items"]
        assert told[-1]["event"] == "application_changed"
        assert json.loads(told[-1]["details"]) == {"relay": False}
        assert told[-1]["actor"] == f"api_key:{world.pair[0]}"
        for one in told:
            salt, commitment = base64.b64decode(one["salt"]), base64.b64decode(one["commitment"])
            assert hmac.digest(salt, one["details"].encode(), hashlib.sha256) == commitment
            shown = base64.b64decode(one["hash"])
            assert _rebuilt(one) == shown, "from the answer alone"
            proof = await world.call(
                "GET", "/v1/audit/proofs/inclusion", query={"leaf": one["leaf"], "size": last.size}
            )
            check_inclusion(one["leaf"], last.size, shown, _hashes(proof), last.root)

    async def test_the_log_names_nobody_of_the_operators_staff(self, world: World) -> None:
        await world.call("PATCH", MINE, {"relay": True}, if_match="*")
        answer = await world.call("GET", "/v1/audit/entries")
        assert fakes.ACTOR.name not in answer.body.decode()
        assert {one["actor"] for one in answer.json["items"]} == {"operator", f"api_key:{world.pair[0]}"}
        for one in answer.json["items"]:
            assert (one["actor_commitment"] is not None) == (one["actor"] == "operator")
        staff = [one for one in answer.json["items"] if one["actor"] == "operator"]
        stored = await world.database.ask(
            select(entries.c.actor_salt).where(entries.c.actor_name == str(fakes.ACTOR))
        )
        assert staff
        assert not any(base64.b64encode(row.actor_salt).decode() in answer.body.decode() for row in stored), (
            "with the salt names could be tried out"
        )

    async def test_a_name_is_not_told_of_an_entry_of_the_first_form(self, world: World) -> None:
        async with world.database.writing() as connection:
            await connection.execute(
                insert(entries).values(
                    at=1, event="account_changed", actor=str(fakes.ACTOR), target=f"account {fakes.UIN}", commitment=bytes(32)
                )
            )  # fmt: skip
        await world.call("PATCH", MINE, {"relay": True}, if_match="*")
        answer = await world.call("GET", "/v1/audit/entries")
        (old,) = (one for one in answer.json["items"] if one["event"] == "account_changed")
        assert (old["actor"], old["form"], old["actor_commitment"]) == ("operator", 1, None)
        assert fakes.ACTOR.name not in answer.body.decode()
        stored = await world.database.ask(select(entries.c.hash).where(entries.c.leaf == old["leaf"]))
        assert base64.b64decode(old["hash"]) == stored[0].hash

    async def test_there_is_no_proof_beyond_the_log(self, world: World) -> None:
        for query in ({"leaf": 0, "size": 10_000}, {"leaf": 5, "size": 3}, {"leaf": 2**53, "size": 2**53}):
            answer = await world.call("GET", "/v1/audit/proofs/inclusion", query=query)
            assert (answer.status, answer.code) == (422, "proof_impossible"), query
        answer = await world.call("GET", "/v1/audit/proofs/consistency", query={"old": 3, "new": 2})
        assert answer.code == "proof_impossible"

    async def test_every_code_that_was_answered_is_explained(self, world: World) -> None:
        assert set(CODES) >= {"revision_conflict", "internal_error"}
        for code in CODES:
            assert (await world.call("GET", f"/v1/problems/{code}")).json["meaning"] == CODES[code]
            world.clock.advance(1)


def _rebuilt(one: dict[str, Any]) -> bytes:
    """The hash of an entry's leaf, with nothing of this program's."""
    names = ["actor", "at", "event", "id", "leaf", "target", *(["form"] if one["form"] == 2 else [])]
    leaf = {name: one[name] for name in names}
    for name in ("commitment", "previous", *(["actor_commitment"] if one["form"] == 2 else [])):
        leaf[name] = base64.b64decode(one[name]).hex()
    text = json.dumps(leaf, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"\0" + text.encode()).digest()


def _hashes(answer: Answer) -> list[bytes]:
    return [base64.b64decode(one) for one in answer.json["hashes"]]


async def _pages(
    call: Backend,
    path: str,
    size: int,
    take: "Callable[[dict[str, str]], object]",
    between: "Callable[[int], Awaitable[None]] | None" = None,
) -> int:
    """Reads a list to its end by pages; returns how many there were."""
    query: dict[str, object] = {"page_size": size}
    count = 0
    while True:
        answer = await call("GET", path, query=query)
        assert answer.status == 200, answer.body
        for one in answer.json["items"]:
            take(one)
        if between is not None:
            await between(count)
        count += 1
        if (token := answer.json["next_page_token"]) is None:
            return count
        query["page_token"] = token


async def letters(world: World, counts: dict[State, int], app: int = APP) -> None:
    """Events that their endpoint did not take."""
    rows = [
        {
            "event_id": f"{app}{state.value}{number}".ljust(32, "0")[:32], "sdk_app_id": app, "group_id": 1, "event_type": 103, "lane": "x",
            "info": json.dumps({"UserId": f"{state.value}{number}"}), "user_id": None, "state": state.value, "created_at": NOW * 1000,
            "since": NOW * 1000, "next_at": NOW * 1000, "attempts": 9, "parked": 1, "lease_until": 0,
        }
        for state, count in counts.items()
        for number in range(count)
    ]  # fmt: skip
    async with world.database.writing() as connection:
        await connection.execute(insert(outbox), rows)


async def receipt(world: World, call_id: str, *, note: bool = True) -> None:
    """The row of a call, signed where it is over."""
    row = {
        "call": call_hash(APP, call_id), "sdk_app_id": APP, "node": "main", "begun_at": NOW * 1000, "ended_at": NOW * 1000 + 5 if note else None,
        "reason": "empty", "stays": 2, "tracks": 1, "touched": '["db/calls"]', "note": None,
    }  # fmt: skip
    if note:
        row["note"] = sign(receipt_of(row, fakes.SITE), SIGNING_KEYS.signer(PURPOSE))
    async with world.database.writing() as connection:
        await connection.execute(insert(receipts), [row])
