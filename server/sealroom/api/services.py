# SPDX-License-Identifier: Apache-2.0
"""What stands behind the routes, and what of it is whose."""

from dataclasses import dataclass

from sealroom.accounts.api_keys import ApiKeys
from sealroom.accounts.once import Kept
from sealroom.api.calls import Call
from sealroom.api.homes import Homes
from sealroom.api.idempotency import Answers
from sealroom.api.problems import missing
from sealroom.apps.models import ApplicationStatus
from sealroom.apps.register import ApplicationRegister
from sealroom.audit.service import AuditLog
from sealroom.catalogue import Catalogue
from sealroom.core.errors import MissingError
from sealroom.regions.receipts import ReceiptBook
from sealroom.rooms.bans import Bans
from sealroom.rooms.moderation import Moderation
from sealroom.usage.service import UsageService
from sealroom.webhooks.endpoints import Endpoints
from sealroom.webhooks.letters import Letters


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the routes ask."""

    applications: ApplicationRegister
    api_keys: ApiKeys
    bans: Bans
    moderation: Moderation
    endpoints: Endpoints
    letters: Letters
    audit: AuditLog
    receipts: ReceiptBook
    catalogue: Catalogue
    answers: Answers
    signatures: Kept
    homes: Homes
    usage: UsageService

    async def own(self, call: Call, sdk_app_id: int) -> ApplicationStatus:
        """An application of the caller. **Every route about an application begins here.** Raises ApiProblem."""
        try:
            found = await self.applications.find(sdk_app_id)
        except MissingError:
            found = None
            await self.homes.check_application(sdk_app_id)
        if found is None or found.uin != call.uin:
            raise missing("application_unknown", f"Your account has no application {sdk_app_id}.")
        return found
