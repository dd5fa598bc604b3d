# SPDX-License-Identifier: Apache-2.0
"""The bus and the store of objects as they are configured: what is refused, what is never shown."""

import asyncio
from pathlib import Path

import pytest

from sealroom.app import catalogue
from sealroom.core.bus import LocalBus
from sealroom.core.bus.opening import open_bus
from sealroom.core.config import Configuration, load
from sealroom.core.config.describe import changed_settings, effective
from sealroom.core.config.schema import BusSettings, ObjectsSettings
from sealroom.core.errors import ConfigurationError, StartError
from sealroom.core.objects import LocalObjects, Objects
from sealroom.core.objects.opening import objects_of
from sealroom.core.objects.s3 import S3Settings
from sealroom.core.state import StateDirectory
from server.tests.fakes import VirtualClock

CATALOGUE = catalogue()
SECRET = "very-secret-indeed"


def opened(settings: ObjectsSettings, folder: Path, site: str = "main") -> Objects:
    return objects_of(settings, StateDirectory(folder), CATALOGUE, site)


async def test_without_a_word_both_are_here(tmp_path: Path, clock: VirtualClock) -> None:
    assert isinstance(await open_bus(BusSettings(), CATALOGUE, "main", clock), LocalBus)
    assert isinstance(opened(ObjectsSettings(), tmp_path), LocalObjects)
    assert (tmp_path / "objects" / "main").is_dir()


@pytest.mark.parametrize(
    ("settings", "code", "word"),
    [
        (BusSettings("nats://nats.example:4222"), "bus_url_invalid", "not encrypted"),
        (BusSettings("tls://a:b@nats.example"), "bus_url_invalid", "password"),
        (BusSettings("https://nats.example"), "bus_url_invalid", "no address"),
        (BusSettings("tls://one:4222, elsewhere"), "bus_url_invalid", "no address"),
        (BusSettings("tls://one:http"), "bus_url_invalid", "no address"),
        (BusSettings("tls://nats.example", ca="/nowhere/ca.pem"), "bus_ca_invalid", "/nowhere/ca.pem"),
    ],
)
async def test_a_bus_that_cannot_be_used_is_refused_with_the_reason(
    settings: BusSettings, code: str, word: str, clock: VirtualClock
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await open_bus(settings, CATALOGUE, "main", clock)
    assert refused.value.code == code
    assert word in refused.value.sentence
    assert "b@" not in f"{refused.value}"


async def test_nobody_is_told_the_password_in_the_clear(clock: VirtualClock) -> None:
    """Whoever stands between can say, in the line before encryption, that there is none."""
    told: asyncio.Queue[bytes] = asyncio.Queue()

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.11.0","headers":true,"max_payload":1048576}\r\n')
        await writer.drain()
        told.put_nowait(await reader.read())
        writer.close()

    async with await asyncio.start_server(pretend, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        settings = BusSettings(f"tls://127.0.0.1:{port}", password=SECRET, user="sealroom")
        with pytest.raises(StartError):
            await open_bus(settings, CATALOGUE, "main", clock, patience=1.0)
        assert await asyncio.wait_for(told.get(), 20) == b""


async def test_a_bus_that_is_not_there_keeps_a_server_from_starting(clock: VirtualClock) -> None:
    settings = BusSettings("nats://127.0.0.1:9", password=SECRET, user="sealroom")
    with pytest.raises(StartError) as refused:
        await open_bus(settings, CATALOGUE, "main", clock, patience=0.1)
    assert refused.value.code == "bus_unavailable"
    assert "nats://127.0.0.1:9" in refused.value.sentence
    assert SECRET not in f"{refused.value}"


_S3 = {"bucket": "evidence", "access": "AK", "secret": SECRET}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"endpoint": "http://s3.example"}, "objects_endpoint_invalid"),
        ({"endpoint": "s3.example"}, "objects_endpoint_invalid"),
        ({"endpoint": "https://a:b@s3.example"}, "objects_endpoint_invalid"),
        ({"bucket": ""}, "objects_bucket_invalid"),
        ({"access": ""}, "objects_access_invalid"),
        ({"secret": ""}, "objects_secret_invalid"),
        ({"ca": "/nowhere/ca.pem"}, "objects_ca_invalid"),
    ],
)
def test_a_store_that_cannot_be_used_is_refused(changes: dict[str, str], code: str, tmp_path: Path) -> None:
    settings = ObjectsSettings(**{"endpoint": "https://s3.example", **_S3, **changes})
    with pytest.raises(ConfigurationError) as refused:
        opened(settings, tmp_path)
    assert refused.value.code == code
    assert SECRET not in f"{refused.value}"
    assert "a:b" not in f"{refused.value}"


def test_secrets_are_shown_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "sealroom.toml"
    file.write_text(
        f'[bus]\nurl = "tls://nats.example"\nuser = "sealroom"\npassword = "{SECRET}"\n'
        f'[objects]\nendpoint = "https://s3.example"\nsecret = "{SECRET}"\n'
    )
    loaded = load(file, {})
    assert SECRET not in effective(loaded)
    settings = changed_settings(loaded.configuration)
    assert settings["bus.password"] == settings["objects.secret"] == '"***"'
    assert SECRET not in repr(S3Settings("https://s3.example", "b", "AK", SECRET))


@pytest.mark.parametrize("name", ["", "rtc_1", "rtc 1", "-rtc", "r" * 33, "rtc.1", "rtc\n"])
def test_a_server_s_name_is_letters_digits_and_hyphens(name: str) -> None:
    with pytest.raises(ConfigurationError):
        load(None, {"SEALROOM_SERVER__NAME": name})


def test_a_server_is_called_main_unless_it_is_told() -> None:
    assert Configuration().server.name == "main"
    assert load(None, {"SEALROOM_SERVER__NAME": "Rtc-1"}).configuration.server.name == "Rtc-1"
