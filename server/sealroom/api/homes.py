# SPDX-License-Identifier: Apache-2.0
"""What another site serves is answered with that site's address (421 Misdirected Request). **Nothing of it is written here.**"""

import re

from sealroom.api.problems import ApiProblem
from sealroom.apps.register import ApplicationRegister
from sealroom.core.errors import MissingError
from sealroom.regions.directory import Directory, Place

_APPLICATION = re.compile(r"/v1/applications/([0-9]{1,10})(/.*)?", re.S)


class Homes:
    """Where what this site does not know is served."""

    def __init__(self, directory: Directory | None, applications: ApplicationRegister) -> None:
        """`directory` None: there are no other sites."""
        self._directory, self._applications = directory, applications

    async def check_key(self, secret_id: str) -> None:
        """Of a SecretId that this site does not know. Raises ApiProblem."""
        if self._directory is not None:
            _send_elsewhere(await self._directory.of_secret_id(secret_id), "account")

    async def check_application(self, sdk_app_id: int) -> None:
        """Raises ApiProblem for one that is not this site's. What this site has is never looked up elsewhere."""
        if self._directory is None or (place := await self._directory.of_application(sdk_app_id)) is None:
            return
        try:
            await self._applications.find(sdk_app_id)
        except MissingError:
            _send_elsewhere(place, "application")

    async def check_path(self, path: str) -> None:
        """Of a change, before anything is written of it. Raises ApiProblem."""
        if match := _APPLICATION.fullmatch(path):
            await self.check_application(int(match[1]))


def _send_elsewhere(place: Place | None, what: str) -> None:
    if place is not None:
        raise ApiProblem(
            421, f"{what}_at_another_site", f"This {what} is served at the site {place.site}, not here.", f"Send the request to {place.api}.",
            endpoint=place.api,
        )  # fmt: skip
