# SPDX-License-Identifier: Apache-2.0
"""Somebody who ends the TLS in front of the authority: reads every byte of a member's line, and may change it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from customer.tests.client.test_authority_line import Running, running
from customer.tests.desk import APP, ROOM
from customer.tests.lines import Served, served
from sealroom_customer.client.events import ClientFault
from sealroom_customer.sealing.authentication import authentication_words
from sealroom_customer.sealing.hpke import encode_member_key
from sealroom_customer.sealing.signed import sign_body
from sealroom_wire.authority import AuthorityMessage, Signed, Snapshot
from sealroom_wire.base64url import b64u, from_b64u

Change = Callable[[str], str | None]


def as_it_is(text: str) -> str:
    return text


@dataclass
class Relay:
    """A line's other end, and what it read."""

    port: int
    read: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def relay(place: Served, *, up: Change = as_it_is, down: Change = as_it_is) -> AsyncIterator[Relay]:
    """Passes on what a member says after `up`, and what the authority says after `down`."""
    between = Relay(0)

    async def carry(source: object, target: object, change: Change) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in source:  # type: ignore[attr-defined]
                between.read.append(text)
                if (changed := change(text)) is not None:
                    await target.send(changed)  # type: ignore[attr-defined]
        await target.close()  # type: ignore[attr-defined]

    async def take(member: ServerConnection) -> None:
        async with connect(place.url, compression=None, proxy=None) as authority:
            await asyncio.gather(carry(member, authority, up), carry(authority, member, down))

    async with serve(take, "127.0.0.1", 0, compression=None) as server:
        between.port = next(iter(server.sockets)).getsockname()[1]
        yield between


def words(member: Running) -> tuple[str, ...]:
    return member.membership.words(member.line.key)


async def until(member: Running, check: Callable[[], bool]) -> None:
    """Waits for what follows from a word of the authority to `member`."""
    async with asyncio.timeout(5), member.changed:
        await member.changed.wait_for(check)


async def test_whoever_reads_a_line_learns_no_secret_and_all_read_the_same_words() -> None:
    async with (
        served() as place,
        relay(place) as between,
        running(place, "bob") as bob,
        running(place, "alice", url=between.url) as alice,
    ):
        await alice.until_secrets(1)
        await bob.until_secrets(1)
        for member in (alice, bob):
            await until(member, lambda member=member: len(member.membership.members) == 2)  # type: ignore[misc]
        assert len(words(alice)) == 6
        assert words(alice) == words(bob)
        secrets = [secret for member in (alice, bob) for _, _, secret, *_ in member.keys.secrets]
    assert any('"grant"' in text for text in between.read), "it did read the line"
    assert any("ciphertext" in text for text in between.read)
    for secret in secrets:
        for shape in (b64u(secret), secret.hex()):
            assert not any(shape in text for text in between.read)


async def test_a_key_that_was_swapped_on_the_way_shuts_the_member_out_and_shows_in_the_words() -> None:
    own = ec.generate_private_key(ec.SECP256R1())
    true_keys: list[bytes] = []

    def swapped(text: str) -> str:
        join = msgspec.json.decode(text)
        if join["type"] == "join":
            true_keys.append(from_b64u(join["memberKey"], 65))
            join["memberKey"] = encode_member_key(own)
        return msgspec.json.encode(join).decode()

    async with served() as place, relay(place, up=swapped) as between, running(place, "bob") as bob:
        await bob.until_secrets(1)
        async with running(place, "alice", url=between.url) as alice:
            with pytest.raises(ClientFault) as caught:
                await asyncio.wait_for(alice.task, 5)
            assert caught.value.code == "authority_not_trusted"
            assert alice.keys.secrets == []
            await until(bob, lambda: bob.membership.index_of("alice") is not None)
            honest = [
                (one.user, from_b64u(one.key, 65)) for one in bob.membership.members if one.user != "alice"
            ]
            expected = authentication_words(bob.line.key, APP, ROOM, [*honest, ("alice", true_keys[0])])
            assert words(bob) != expected, "who compares words finds the stranger's key"


async def test_a_relay_that_strikes_a_suite_from_the_first_join_is_found_out() -> None:
    """The whole room would otherwise seal with the weaker one, for its life, and nobody know."""

    def struck(text: str) -> str:
        join = msgspec.json.decode(text)
        if join["type"] == "join":
            join["suites"].remove(5)
        return msgspec.json.encode(join).decode()

    async with (
        served() as place,
        relay(place, up=struck) as between,
        running(place, "alice", url=between.url) as alice,
    ):
        with pytest.raises(ClientFault) as caught:
            await asyncio.wait_for(alice.task, 5)
        assert caught.value.code == "authority_not_trusted"
        assert alice.keys.secrets == []


async def test_a_relay_that_keeps_a_removal_back_cannot_keep_the_member_sending() -> None:
    held: list[str] = []

    def keeping_back(text: str) -> str | None:
        """Nothing passes any more from the removal on; the line itself stays open."""
        if held or '\\"left\\":[{' in text:
            held.append(text)
            return None
        return text

    async with (
        served() as place,
        relay(place, down=keeping_back) as between,
        running(place, "mallory"),
        running(place, "alice", url=between.url, silence=2) as alice,
    ):
        await until(alice, lambda: len(alice.membership.members) == 2 and bool(alice.keys.secrets))
        assert not alice.line.silent
        place.authority.remove(APP, ROOM, "mallory")
        version = alice.membership.version
        await asyncio.sleep(2.2)
        assert held, "there was something to keep back"
        assert alice.membership.version == version, "it knows of no removal"
        assert alice.line.silent, "and sends nothing more"


async def test_a_relay_that_keeps_back_the_secret_alone_cannot_keep_the_member_sending() -> None:
    """The change and the answers to pings pass: the member must not take them for news that it has its keys of now."""

    def without_secrets_of_removals(text: str) -> str | None:
        return None if '\\"reason\\":\\"removal\\"' in text else text

    async with (
        served() as place,
        relay(place, down=without_secrets_of_removals) as between,
        running(place, "mallory"),
        running(place, "alice", url=between.url) as alice,
    ):
        await until(alice, lambda: len(alice.membership.members) == 2 and bool(alice.keys.secrets))
        place.authority.remove(APP, ROOM, "mallory")
        with pytest.raises(ClientFault) as caught:
            await asyncio.wait_for(alice.task, 5)
    assert caught.value.code == "authority_not_trusted"


async def test_a_relay_that_lets_only_the_snapshot_through_does_not_count_as_the_authority() -> None:
    told: list[str] = []

    def without_secrets(text: str) -> str | None:
        told.append(text)
        return None if '\\"ciphertext\\"' in text or '\\"kind\\":\\"alive\\"' in text else text

    async with (
        served() as place,
        relay(place, down=without_secrets) as between,
        running(place, "alice", url=between.url) as alice,
    ):
        await until(alice, lambda: bool(alice.membership.members))
        assert alice.line.silent


async def test_a_word_that_another_signed_is_not_trusted() -> None:
    stranger = Ed25519PrivateKey.generate()

    def forged(text: str) -> str:
        message = msgspec.json.decode(text, type=AuthorityMessage)
        if not isinstance(message, Signed):
            return text
        body = msgspec.json.decode(message.body)
        if body["kind"] != "snapshot":
            return text
        return msgspec.json.encode(
            sign_body(msgspec.json.decode(message.body, type=Snapshot), stranger)
        ).decode()

    async with (
        served() as place,
        relay(place, down=forged) as between,
        running(place, "alice", url=between.url) as alice,
    ):
        with pytest.raises(ClientFault) as caught:
            await asyncio.wait_for(alice.task, 5)
    assert caught.value.code == "authority_not_trusted"
    assert alice.keys.rooms == []
