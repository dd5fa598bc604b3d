# SPDX-License-Identifier: Apache-2.0
"""What this site tells other sites of itself: the entries of its own applications, API keys and accounts, as opaque ids."""

from sqlalchemy import select

from sealroom.accounts.models import accounts, api_keys
from sealroom.accounts.service import DEMO_UIN
from sealroom.apps.models import applications
from sealroom.core.config import Configuration
from sealroom.core.db import Database
from sealroom.core.errors import ConfigurationError
from sealroom.regions.directory import Contents, Endpoints, check_endpoint, hash_of


def endpoints_of(configuration: Configuration) -> Endpoints:
    """Where this site answers, as it is configured. Raises ConfigurationError where that is not said."""
    return Endpoints(
        _checked(configuration.signalling.public_url, "signalling.public_url", "ws", "wss"),
        _checked(configuration.api.public_url, "api.public_url", "http", "https"),
    )


async def entries(database: Database, site: str, endpoints: Endpoints) -> Contents:
    """This site's part of the directory. What has ended stays in it: its owner still has to find his site. The demo's account, which
    every site in development has under one number, is nobody's."""
    numbers = await database.read(
        select(applications.c.sdk_app_id).where(applications.c.site == site, applications.c.uin != DEMO_UIN)
    )
    keys = await database.read(select(api_keys.c.secret_id).where(api_keys.c.uin != DEMO_UIN))
    owners = await database.read(select(accounts.c.uin).where(accounts.c.uin != DEMO_UIN))
    return Contents(
        {site: endpoints},
        {str(row.sdk_app_id): site for row in numbers},
        {hash_of(row.secret_id): site for row in keys},
        {str(row.uin): site for row in owners},
    )


def _checked(url: str, setting: str, clear: str, encrypted: str) -> str:
    try:
        check_endpoint(url, clear, encrypted)
    except ValueError as error:
        raise ConfigurationError(
            "configuration_endpoint_missing",
            f"{setting} does not say where other sites send clients: {error}.",
            f"Write {encrypted}://.. as it is reached from outside.",
        ) from error
    return url
