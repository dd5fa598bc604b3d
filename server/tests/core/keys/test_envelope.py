# SPDX-License-Identifier: Apache-2.0
"""Encrypted values: open only where they belong, unchanged, with the master key; and say nothing of what is in them."""

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, insert, select, update

from sealroom.core.db import Database
from sealroom.core.errors import StartError
from sealroom.core.keys import Envelope, EnvelopeError, SealedColumn, check_master_key, encrypt_again
from sealroom.core.keys.envelope import _OPENED, _USES, name_of
from sealroom.core.keys.master import WrapContext, Wrapped
from server.tests.administration import KeyService

PLACE = ("table", "column", "7")
SECRET = b"a secret of an application"

things = Table(
    "things",
    MetaData(),
    Column("owner", String(8), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("secret", LargeBinary),
)
SEALED = SealedColumn(things, "secret", "tests")


@pytest.fixture
def service() -> KeyService:
    return KeyService()


@pytest.fixture
def envelope(service: KeyService) -> Envelope:
    return Envelope(service)


async def test_what_was_encrypted_opens_in_another_process(service: KeyService, envelope: Envelope) -> None:
    for text in (b"", SECRET, SECRET * 10_000):
        value = await envelope.encrypt("tests", PLACE, text)
        assert await Envelope(service).decrypt("tests", PLACE, value) == text
        assert SECRET not in value
        assert name_of(value) == await service.newest()


async def test_equal_secrets_do_not_look_equal(envelope: Envelope) -> None:
    assert await envelope.encrypt("tests", PLACE, SECRET) != await envelope.encrypt("tests", PLACE, SECRET)


@pytest.mark.parametrize(
    ("purpose", "place"),
    [
        ("other", PLACE),
        ("tests", ("table", "column", "8")),
        ("tests", ("table", "column7")),
        ("tests", ("table", "column")),
        ("tests", ("tabl", "ecolumn", "7")),
        ("tests", ()),
        ("tests", ("tests", *PLACE)),
    ],
)
async def test_a_value_opens_for_no_other_purpose_and_at_no_other_place(
    envelope: Envelope, purpose: str, place: tuple[str, ...]
) -> None:
    value = await envelope.encrypt("tests", PLACE, SECRET)
    with pytest.raises(EnvelopeError) as caught:
        await envelope.decrypt(purpose, place, value)
    assert SECRET.decode() not in str(caught.value)


async def test_every_flipped_bit_and_every_cut_is_found(envelope: Envelope) -> None:
    value = await envelope.encrypt("tests", PLACE, SECRET)
    for at in range(len(value)):
        for bit in (1, 128):
            changed = bytearray(value)
            changed[at] ^= bit
            with pytest.raises(EnvelopeError):
                await envelope.decrypt("tests", PLACE, bytes(changed))
        with pytest.raises(EnvelopeError):
            await envelope.decrypt("tests", PLACE, value[:at])
    with pytest.raises(EnvelopeError):
        await envelope.decrypt("tests", PLACE, value + b"\0")


@given(st.binary(max_size=200))
def test_what_is_no_value_is_refused_and_never_breaks(octets: bytes) -> None:
    for text in (octets, b"SR\x01" + octets):
        with contextlib.suppress(EnvelopeError):
            name_of(text)


async def test_the_holder_of_the_master_key_is_asked_seldom(service: KeyService, envelope: Envelope) -> None:
    values = [await envelope.encrypt("tests", (str(n),), SECRET) for n in range(50)]
    reader = Envelope(service)
    for number, value in enumerate(values):
        await reader.decrypt("tests", (str(number),), value)
        await envelope.decrypt("tests", (str(number),), value)
    assert (service.wrapped, service.unwrapped) == (1, 1)


async def test_a_data_key_is_not_used_for_ever_and_memory_is_bounded(
    service: KeyService, envelope: Envelope
) -> None:
    await envelope.encrypt("tests", PLACE, SECRET)
    envelope._writing["tests"].left = 0
    value = await envelope.encrypt("tests", PLACE, SECRET)
    assert service.wrapped == 2
    assert envelope._writing["tests"].left == _USES - 1
    for number in range(_OPENED + 5):
        await envelope.encrypt(f"purpose {number}", PLACE, SECRET)
    assert len(envelope._opened) == _OPENED
    assert await envelope.decrypt("tests", PLACE, value) == SECRET


async def test_after_a_rotation_new_values_are_under_the_new_key_and_old_ones_open(
    service: KeyService, envelope: Envelope
) -> None:
    old = await envelope.encrypt("tests", PLACE, SECRET)
    name = await service.rotate()
    new = await envelope.encrypt("tests", PLACE, SECRET)
    assert name_of(old) != name == name_of(new)
    for value in (old, new):
        assert await Envelope(service).decrypt("tests", PLACE, value) == SECRET


async def test_while_the_holder_is_away_what_is_open_stays_open_and_nothing_else_opens(
    service: KeyService, envelope: Envelope
) -> None:
    value = await envelope.encrypt("tests", PLACE, SECRET)
    service.away = True
    assert await envelope.decrypt("tests", PLACE, value) == SECRET
    for work in (
        Envelope(service).decrypt("tests", PLACE, value),
        Envelope(service).encrypt("tests", PLACE, SECRET),
    ):
        with pytest.raises(EnvelopeError):
            await work
    service.away = False
    assert await Envelope(service).decrypt("tests", PLACE, value) == SECRET


async def test_nothing_of_a_key_is_in_a_representation(service: KeyService, envelope: Envelope) -> None:
    value = await envelope.encrypt("tests", PLACE, SECRET)
    assert repr(envelope) == "Envelope()"
    shown = f"{envelope._writing!r} {envelope._opened!r}"
    assert "blob" not in shown
    assert SECRET.decode() not in shown
    assert name_of(value).id in shown


@pytest.fixture
async def table(database: Database, envelope: Envelope) -> Database:
    async with database.writing() as connection:
        await connection.run_sync(things.create)
        for number in range(450):
            key = ("a" if number % 2 else "b", number)
            secret = await SEALED.encrypt(envelope, key, b"secret %d" % number) if number % 3 else None
            await connection.execute(insert(things).values(owner=key[0], number=key[1], secret=secret))
    return database


async def opened(database: Database, envelope: Envelope) -> list[bytes]:
    rows = await database.ask(select(things).where(things.c.secret.is_not(None)).order_by(things.c.number))
    return [await SEALED.decrypt(envelope, row[:-1], row[-1]) for row in rows]


async def test_everything_is_encrypted_again_and_nothing_twice(
    table: Database, envelope: Envelope, service: KeyService
) -> None:
    expected = [b"secret %d" % number for number in range(450) if number % 3]
    assert await encrypt_again(table, envelope, SEALED) == 0
    name = await service.rotate()
    assert await encrypt_again(table, envelope, SEALED) == 300
    assert await encrypt_again(table, envelope, SEALED) == 0
    rows = await table.ask(select(things.c.secret).where(things.c.secret.is_not(None)))
    assert {name_of(row.secret) for row in rows} == {name}
    assert await opened(table, Envelope(service)) == expected


class BusyService(KeyService):
    """A key service that takes its time: meanwhile others write to the database."""

    database: Database | None = None

    async def wrap(self, key: bytes, context: WrapContext) -> Wrapped:
        if self.database is not None:
            async with asyncio.timeout(5), self.database.writing() as connection:
                mine = things.c.number == 1
                changed = select(things.c.secret).where(things.c.number == 2).scalar_subquery()
                await connection.execute(update(things).where(mine).values(secret=changed))
        return await super().wrap(key, context)


async def test_others_write_while_the_master_key_is_asked_and_what_they_wrote_stays(
    database: Database,
) -> None:
    service = BusyService()
    envelope = Envelope(service)
    async with database.writing() as connection:
        await connection.run_sync(things.create)
        for number in (1, 2):
            secret = await SEALED.encrypt(envelope, ("a", number), b"secret")
            await connection.execute(insert(things).values(owner="a", number=number, secret=secret))
    await service.rotate()
    service.database = database
    assert await encrypt_again(database, envelope, SEALED) == 1
    one, two = await database.ask(select(things.c.secret).order_by(things.c.number))
    assert name_of(one.secret).version < name_of(two.secret).version


async def test_a_value_that_was_moved_to_another_row_does_not_open(
    table: Database, envelope: Envelope
) -> None:
    async with table.writing() as connection:
        stolen = select(things.c.secret).where(things.c.number == 1).scalar_subquery()
        await connection.execute(update(things).where(things.c.number == 5).values(secret=stolen))
    with pytest.raises(EnvelopeError):
        await opened(table, envelope)


async def test_another_master_key_ends_the_start(table: Database, envelope: Envelope) -> None:
    await check_master_key(table, envelope, [SEALED])
    with pytest.raises(StartError) as caught:
        await check_master_key(table, Envelope(KeyService()), [SEALED])
    assert caught.value.code == "master_key_missing"
