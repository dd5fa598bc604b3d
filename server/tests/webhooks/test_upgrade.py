# SPDX-License-Identifier: Apache-2.0
"""From endpoints without a subscriber to those with one, on SQLite; and to whom a key belongs."""

from pathlib import Path

import pytest

from sealroom.core.config.schema import KeySettings
from sealroom.core.keys import Envelope, EnvelopeError, master_keys
from sealroom.core.state import StateDirectory
from sealroom.webhooks.models import KEYS, Subscriber
from server.tests.fakes import APP
from server.tests.webhooks.upgrade import UpgradeContract


class TestSQLite(UpgradeContract):
    @pytest.fixture
    def where(self, tmp_path: Path) -> Path:
        return tmp_path / "x.db"


async def test_a_key_opens_at_its_own_subscriber_only(tmp_path: Path) -> None:
    envelope = Envelope(master_keys(KeySettings(), StateDirectory(tmp_path / "state")))
    backend, authority = ((APP, 1, one.value) for one in Subscriber)
    for mine, other in ((backend, authority), (authority, backend)):
        value = await KEYS.encrypt(envelope, mine, b"Key1")
        assert await KEYS.decrypt(envelope, mine, value) == b"Key1"
        with pytest.raises(EnvelopeError):
            await KEYS.decrypt(envelope, other, value)
