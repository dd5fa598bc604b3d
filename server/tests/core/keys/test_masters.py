# SPDX-License-Identifier: Apache-2.0
"""Who holds the master key: one contract for the file and for a service elsewhere, and what only a file can suffer."""

import asyncio
import base64
import stat
from pathlib import Path

import pytest

from sealroom.core.config.schema import KeySettings
from sealroom.core.errors import ConfigurationError, StartError
from sealroom.core.keys import EnvelopeError, KeyName, MasterKeys, master_keys
from sealroom.core.keys.master import FileMasterKeys, Wrapped
from sealroom.core.state import StateDirectory
from server.tests.administration import KeyService

CONTEXT = {"purpose": "tests"}
DATA_KEY = bytes(range(32))


@pytest.fixture(params=["file", "service"])
def masters(request: pytest.FixtureRequest, tmp_path: Path) -> MasterKeys:
    return FileMasterKeys(tmp_path / "master.key") if request.param == "file" else KeyService()


async def test_what_was_wrapped_is_unwrapped(masters: MasterKeys) -> None:
    wrapped = await masters.wrap(DATA_KEY, CONTEXT)
    assert wrapped.name == await masters.newest()
    assert await masters.unwrap(wrapped, CONTEXT) == DATA_KEY
    assert DATA_KEY not in wrapped.blob
    assert wrapped.blob.hex() not in repr(wrapped)


async def test_a_wrapped_key_is_bound_to_its_context(masters: MasterKeys) -> None:
    wrapped = await masters.wrap(DATA_KEY, CONTEXT)
    with pytest.raises(EnvelopeError):
        await masters.unwrap(wrapped, {"purpose": "other"})


async def test_a_changed_or_foreign_key_is_refused(masters: MasterKeys) -> None:
    wrapped = await masters.wrap(DATA_KEY, CONTEXT)
    flipped = wrapped.blob[:-1] + bytes([wrapped.blob[-1] ^ 1])
    for wrong in (
        Wrapped(wrapped.name, flipped), Wrapped(wrapped.name, b""), Wrapped(KeyName("nobody", 1), wrapped.blob),
        Wrapped(KeyName(wrapped.name.id, 99), wrapped.blob),
    ):  # fmt: skip
        with pytest.raises(EnvelopeError):
            await masters.unwrap(wrong, CONTEXT)


async def test_a_rotation_makes_a_new_key_and_keeps_the_old_ones(masters: MasterKeys) -> None:
    before = [await masters.wrap(DATA_KEY, CONTEXT)]
    for _ in range(2):
        name = await masters.rotate()
        assert name == await masters.newest()
        before.append(await masters.wrap(DATA_KEY, CONTEXT))
    assert len({one.name for one in before}) == 3
    for one in before:
        assert await masters.unwrap(one, CONTEXT) == DATA_KEY


async def test_the_file_is_for_this_user_only_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    wrapped = await FileMasterKeys(path).wrap(DATA_KEY, CONTEXT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = FileMasterKeys(path)
    assert await again.unwrap(wrapped, CONTEXT) == DATA_KEY
    path.chmod(0o640)
    with pytest.raises(StartError) as caught:
        FileMasterKeys(path)
    assert caught.value.code == "key_open_to_others"


async def test_processes_that_make_the_file_at_once_have_one_key(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    made = await asyncio.gather(*(asyncio.to_thread(FileMasterKeys, path) for _ in range(8)))
    wrapped = [await one.wrap(DATA_KEY, CONTEXT) for one in made]
    for one in wrapped:
        assert await FileMasterKeys(path).unwrap(one, CONTEXT) == DATA_KEY


async def test_a_rotation_elsewhere_is_seen_at_once_and_two_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    one, other = FileMasterKeys(path), FileMasterKeys(path)
    wrapped = await one.wrap(DATA_KEY, CONTEXT)

    def rotate() -> KeyName:
        return asyncio.run(FileMasterKeys(path).rotate())

    names = await asyncio.gather(*(asyncio.to_thread(rotate) for _ in range(6)))
    assert sorted(name.version for name in names) == [2, 3, 4, 5, 6, 7]
    assert (await other.newest()).version == 7
    assert await other.unwrap(await one.wrap(DATA_KEY, CONTEXT), CONTEXT) == DATA_KEY
    assert await other.unwrap(wrapped, CONTEXT) == DATA_KEY


async def test_a_running_server_goes_on_when_the_file_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    running = FileMasterKeys(path)
    wrapped = await running.wrap(DATA_KEY, CONTEXT)
    path.unlink()
    assert await running.unwrap(wrapped, CONTEXT) == DATA_KEY


@pytest.mark.parametrize(
    "content", ["", "# only words\n", "a b c d\n", "a 1 short\n", f"a 1 {base64.b64encode(bytes(16)).decode()}\n", "\xff\n", "a x y\n"]
)  # fmt: skip
def test_a_file_that_holds_no_key_ends_the_start_and_is_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "master.key"
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(StartError) as caught:
        FileMasterKeys(path)
    assert caught.value.code == "master_key_unreadable"
    assert path.read_text() == content


def test_the_configuration_names_the_holder(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    master_keys(KeySettings(), state)
    assert (state.path / "master.key").exists()
    named = tmp_path / "elsewhere.key"
    master_keys(KeySettings(master=f"file:{named}"), state)
    assert named.exists()
    for wrong in ("file:relative", "kms:key", "/path", "file:"):
        with pytest.raises(ConfigurationError):
            master_keys(KeySettings(master=wrong), state)
    with pytest.raises(StartError):
        master_keys(KeySettings(master=f"file:{tmp_path}/no/such/folder"), state)
