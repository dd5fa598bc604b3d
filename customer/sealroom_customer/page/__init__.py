# SPDX-License-Identifier: Apache-2.0
"""Serves the built call page under a strict content security policy. Never serves anything that was not built with it."""

from sealroom_customer.page.files import STATIC, Page
from sealroom_customer.page.policy import content_security_policy

__all__ = ["STATIC", "Page", "content_security_policy"]
