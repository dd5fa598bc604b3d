# SPDX-License-Identifier: Apache-2.0
"""The directory holds opaque ids and endpoints, is read again when it changes, and refuses everything else."""

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sealroom.core.errors import ConfigurationError
from sealroom.regions.directory import (
    LOOK_SECONDS,
    Contents,
    Endpoints,
    FileDirectory,
    Place,
    check_endpoint,
    hash_of,
    read,
    write,
)
from server.tests.fakes import VirtualClock

SG = Endpoints("wss://rtc.sg.example/rtc/v1", "https://api.sg.example")
CN = Endpoints("wss://rtc.cn.example/rtc/v1", "https://api.cn.example")
SG_PLACE = Place("sg", SG.signalling, SG.api)
GOOD = write(Contents({"sg": SG}, {"1400000001": "sg"}, {hash_of("AKIDsg"): "sg"}, {"100000000001": "sg"}))


def file_of(folder: Path, text: str, name: str = "directory.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def directory(path: Path | None, clock: VirtualClock, site: str = "cn") -> FileDirectory:
    return FileDirectory(path, site, clock)


async def test_an_id_of_another_site_is_found_with_its_endpoints(tmp_path: Path, clock: VirtualClock) -> None:
    found = directory(file_of(tmp_path, GOOD), clock)
    assert await found.of_application(1400000001) == SG_PLACE
    assert await found.of_secret_id("AKIDsg") == SG_PLACE
    assert await found.of_application(1400000002) is None
    assert await found.of_secret_id("AKIDcn") is None


async def test_what_is_said_of_this_site_is_not_elsewhere(tmp_path: Path, clock: VirtualClock) -> None:
    assert await directory(file_of(tmp_path, GOOD), clock, "sg").of_application(1400000001) is None


async def test_without_a_directory_there_is_no_other_site(clock: VirtualClock) -> None:
    assert await directory(None, clock).of_application(1400000001) is None


def test_a_secret_id_does_not_stand_in_the_file() -> None:
    assert "AKIDsg" not in GOOD


async def test_the_files_of_a_folder_are_one_directory(tmp_path: Path, clock: VirtualClock) -> None:
    file_of(tmp_path, GOOD, "sg.toml")
    file_of(tmp_path, write(Contents({"cn": CN}, {"1400000002": "cn"})), "cn.toml")
    found = directory(tmp_path, clock, "us")
    assert await found.of_application(1400000001) == SG_PLACE
    assert await found.of_application(1400000002) == Place("cn", CN.signalling, CN.api)


async def test_a_change_is_seen_within_a_second_and_a_broken_file_changes_nothing(
    tmp_path: Path, clock: VirtualClock
) -> None:
    path = file_of(tmp_path, GOOD)
    found = directory(path, clock)
    path.write_text(GOOD.replace("1400000001", "1400000007"))
    assert await found.of_application(1400000007) is None
    clock.advance(LOOK_SECONDS)
    assert await found.of_application(1400000007) == SG_PLACE
    path.write_text("[applications]\nhello = 1\n")
    clock.advance(LOOK_SECONDS)
    assert await found.of_application(1400000007) == SG_PLACE
    path.unlink()
    clock.advance(LOOK_SECONDS)
    assert await found.of_application(1400000007) == SG_PLACE


@pytest.mark.parametrize(
    "text",
    [
        "not toml [",
        GOOD + '[names]\n1400000001 = "Hospital"\n',
        GOOD.replace("[accounts]", '[accounts]\n"alice@example.com" = "sg"'),
        GOOD.replace("[applications]", '[applications]\n"Hospital" = "sg"'),
        GOOD.replace("[applications]", '[applications]\n1400000009 = { site = "sg", name = "Hospital" }'),
        GOOD.replace("[secret_ids]", '[secret_ids]\nAKIDsg = "sg"'),
        GOOD.replace("[sites.sg]", '[sites.sg]\ncontact = "alice@example.com"'),
        GOOD.replace('1400000001 = "sg"', '1400000001 = "us"'),
        GOOD.replace('1400000001 = "sg"', '1400000001 = "Hospital of the West"'),
        GOOD.replace("wss://", "ws://"),
        GOOD.replace("https://", "http://"),
        GOOD.replace("wss://rtc", "wss://alice:secret@rtc"),
        GOOD.replace("/rtc/v1", "/rtc/v1?user=alice"),
    ],
)
def test_anything_but_opaque_ids_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(file_of(tmp_path, text))
    assert refused.value.code == "directory_refused"
    assert "Hospital" not in str(refused.value)
    assert "alice@example.com" not in str(refused.value)


def test_two_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    file_of(tmp_path, GOOD, "sg.toml")
    file_of(tmp_path, write(Contents({"cn": CN}, {"1400000001": "cn"})), "cn.toml")
    with pytest.raises(
        ConfigurationError, match=r"contradicts itself about 1 entries: 1400000001 of \[applications\]"
    ):
        read(tmp_path)


async def test_a_start_knows_all_but_what_is_contradicted_and_says_what_that_is(
    tmp_path: Path, clock: VirtualClock
) -> None:
    """Who asks for a contradicted id is told what is told of nobody's: he is sent nowhere."""
    file_of(tmp_path, GOOD, "sg.toml")
    others = {"1400000001": "cn", "1400000002": "cn"}
    file_of(tmp_path, write(Contents({"cn": CN}, others, {hash_of("AKIDsg"): "cn"})), "cn.toml")
    with capture_logs() as logs:
        found = directory(tmp_path, clock, "us")
    assert await found.of_application(1400000001) is None
    assert await found.of_secret_id("AKIDsg") is None
    assert await found.of_application(1400000002) == Place("cn", CN.signalling, CN.api)
    assert found.contents.accounts == {"100000000001": "sg"}
    assert [(one["event"], one["kind"], one["entry"], one["count"]) for one in logs] == [
        ("directory_contradicts", "applications", "1400000001", 2),
        ("directory_contradicts", "secret_ids", hash_of("AKIDsg"), 2),
    ]


def test_an_account_at_two_sites_is_seen(tmp_path: Path) -> None:
    file_of(tmp_path, GOOD, "sg.toml")
    file_of(tmp_path, write(Contents({"cn": CN}, accounts={"100000000001": "cn"})), "cn.toml")
    with pytest.raises(ConfigurationError, match=r"1 entries: 100000000001 of \[accounts\]"):
        read(tmp_path)


async def test_a_site_with_two_addresses_is_sent_to_at_neither(tmp_path: Path, clock: VirtualClock) -> None:
    file_of(tmp_path, GOOD, "sg.toml")
    file_of(tmp_path, write(Contents({"sg": CN, "cn": CN}, {"1400000002": "cn"})), "thief.toml")
    found = directory(tmp_path, clock, "us")
    assert await found.of_application(1400000001) is None
    assert found.contents.accounts == {}
    assert await found.of_application(1400000002) == Place("cn", CN.signalling, CN.api)


async def test_a_running_server_keeps_all_that_it_knew_when_files_contradict_each_other(
    tmp_path: Path, clock: VirtualClock
) -> None:
    file_of(tmp_path, GOOD, "sg.toml")
    found = directory(tmp_path, clock, "us")
    file_of(tmp_path, write(Contents({"cn": CN}, {"1400000001": "cn", "1400000002": "cn"})), "cn.toml")
    clock.advance(LOOK_SECONDS)
    with capture_logs() as logs:
        assert await found.of_application(1400000001) == SG_PLACE
        assert await found.of_application(1400000002) is None
    assert [one["event"] for one in logs] == ["directory_not_read"]


def test_a_file_that_cannot_be_read_keeps_the_server_from_starting(
    tmp_path: Path, clock: VirtualClock
) -> None:
    with pytest.raises(ConfigurationError):
        directory(tmp_path / "missing.toml", clock)


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = file_of(tmp_path, "")
    os.truncate(path, 65 << 20)
    with pytest.raises(ConfigurationError, match="too large"):
        read(path)


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:7880/rtc/v1", "ws://[::1]/x", "wss://rtc.example:444/rtc/v1"]
)
def test_an_endpoint_is_encrypted_or_on_loopback(url: str) -> None:
    check_endpoint(url, "ws", "wss")


@pytest.mark.parametrize(
    "url", ["", "rtc.example", "wss:///x", "wss://a b/", "wss://rtc.example:99999/", "javascript:x"]
)
def test_what_is_no_endpoint_is_not_taken(url: str) -> None:
    with pytest.raises(ValueError):
        check_endpoint(url, "ws", "wss")
