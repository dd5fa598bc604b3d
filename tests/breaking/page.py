# SPDX-License-Identifier: Apache-2.0
"""What would help whoever serves the page, or gets something into it."""

from tests.breaking.change import Change, Edit

CHANGES = (
    Change(
        "another-file-of-the-same-length",
        "a changed byte in a served file would hold before `verify-page`",
        (
            Edit(
                "customer/sealroom_customer/page/comparing.py",
                "if len(answer.body) != file.size or hashlib.sha256(answer.body).hexdigest() != file.sha256:",
                "if len(answer.body) != file.size:",
            ),
        ),
        ("customer/tests/page/test_verifying.py::test_what_was_changed_is_found_by_name",),
    ),
    Change(
        "scripts-from-anywhere",
        "a gap in the page would load a script from elsewhere",
        (
            Edit(
                "customer/sealroom_customer/page/policy.py",
                "        \"script-src 'self'\",",
                "        \"script-src 'self' https:\",",
            ),
        ),
        ("customer/tests/page/test_page.py::test_the_policy_is_exactly_this",),
    ),
)
