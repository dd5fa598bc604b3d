# SPDX-License-Identifier: Apache-2.0
"""A database is one site's for ever."""

from pathlib import Path

import pytest
from sqlalchemy import update

from sealroom.apps.models import ApplicationSpec, applications
from sealroom.core.clock import SystemClock
from sealroom.core.config import Configuration
from sealroom.core.config.schema import SiteSettings, StateSettings
from sealroom.core.db import Database
from sealroom.core.errors import StartError
from sealroom.core.ids import Ids
from sealroom.core.state import StateDirectory
from sealroom.kept import Kept
from sealroom.regions.models import home
from sealroom_wire.errors import ErrorCode, Refusal
from server.tests import fakes


async def opened(folder: Path, site: str) -> Kept:
    settings = Configuration(state=StateSettings(directory=str(folder)), site=SiteSettings(name=site))
    return await Kept.open(settings, StateDirectory(folder), SystemClock(), Ids())


async def test_another_site_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    await (await opened(tmp_path, "cn")).database.close()
    with pytest.raises(StartError) as refused:
        await opened(tmp_path, "sg")
    assert refused.value.code == "database_of_another_site"
    again = await opened(tmp_path, "cn")
    await again.database.close()


async def test_applications_of_an_older_program_become_the_site_s(tmp_path: Path) -> None:
    """It called its one site `local`, whatever the site was called."""
    kept = await opened(tmp_path, "cn")
    await kept.accounts.create(fakes.ACCOUNT, fakes.ACTOR, uin=fakes.UIN)
    await kept.register.create(fakes.UIN, ApplicationSpec("old"), fakes.ACTOR, sdk_app_id=fakes.APP)
    async with kept.database.writing() as connection:
        await connection.execute(update(applications).values(site="local"))
        await connection.execute(home.delete())
    await kept.database.close()
    kept = await opened(tmp_path, "sg")
    assert (await kept.register.find(fakes.APP)).site == "sg"
    assert (await kept.apps.find(fakes.APP)).site == "sg"
    await kept.database.close()


async def test_an_application_of_another_site_is_not_known_here_whatever_the_database_says(
    tmp_path: Path, database: Database
) -> None:
    kept = await opened(tmp_path, "cn")
    await kept.accounts.create(fakes.ACCOUNT, fakes.ACTOR, uin=fakes.UIN)
    await kept.register.create(fakes.UIN, ApplicationSpec("one"), fakes.ACTOR, sdk_app_id=fakes.APP)
    async with kept.database.writing() as connection:
        await connection.execute(update(applications).values(site="sg"))
    with pytest.raises(Refusal) as refused:
        await kept.apps.find(fakes.APP)
    assert refused.value.code is ErrorCode.APPLICATION_UNKNOWN
    assert await kept.apps.owner_of(fakes.APP) is None
    assert await kept.apps.owned_by(fakes.UIN) == []
    await kept.database.close()
