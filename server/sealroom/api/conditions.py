# SPDX-License-Identifier: Apache-2.0
"""Conditional changes (RFC 9110 section 13): what a change was made from. **A change that says nothing is refused.**"""

import re
from typing import Annotated, TypeAlias

from litestar.datastructures import ResponseHeader
from litestar.params import HeaderParameter

from sealroom.api.problems import ApiProblem
from sealroom.core.db import ANYTHING, NOTHING

IfMatch: TypeAlias = Annotated[
    str | None, HeaderParameter(name="If-Match", description="The ETag that the change was made from, or `*`.", max_length=100)
]  # fmt: skip
IfNoneMatch: TypeAlias = Annotated[
    str | None,
    HeaderParameter(name="If-None-Match", description="`*` where it shall be new.", max_length=100),
]
ETAG = ResponseHeader(
    name="ETag",
    description="Names this state of it, for If-Match.",
    documentation_only=True,
    value="",
    required=True,
)
_TAG = re.compile(r'"([\x21\x23-\x7e]{1,80})"')


def etag(state: int | str) -> dict[str, str]:
    """The header of an answer that shows a state."""
    return {"ETag": f'"{state}"'}


def expected_revision(if_match: str | None) -> int | None:
    """The revision of an If-Match; None for `*`. Raises ApiProblem."""
    tag = _tag(if_match)
    if tag == ANYTHING:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", tag):
        raise ApiProblem(
            412, "revision_conflict", "It never had that ETag.", "Read it again, and decide again."
        )
    return int(tag)


def expected_tag(if_match: str | None, if_none_match: str | None = None) -> str:
    """The tag of an If-Match, or NOTHING for `If-None-Match: *`. Raises ApiProblem."""
    if if_none_match is None:
        return _tag(if_match)
    if if_match is not None or if_none_match.strip() != "*":
        raise _invalid()
    return NOTHING


def _tag(if_match: str | None) -> str:
    if if_match is None:
        raise ApiProblem(
            428, "precondition_required", "A change must say what it was made from.",
            "Send If-Match with the ETag of what you read; or If-None-Match: * for what shall be new.",
        )  # fmt: skip
    if if_match.strip() == "*":
        return ANYTHING
    match = _TAG.fullmatch(if_match.strip())
    if match is None:
        raise _invalid()
    return match[1]


def _invalid() -> ApiProblem:
    return ApiProblem(
        400, "condition_invalid", "The condition is not one that is understood here.",
        'Send one of If-Match: "<ETag>", If-Match: *, If-None-Match: *.',
    )  # fmt: skip
