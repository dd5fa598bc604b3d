# SPDX-License-Identifier: Apache-2.0
"""Every change, by the adversary that it would help (`docs/threat-model.md`)."""

from tests.breaking import lies, members, operator, page, relay

CHANGES = (*operator.CHANGES, *lies.CHANGES, *relay.CHANGES, *members.CHANGES, *page.CHANGES)
