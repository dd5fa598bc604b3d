# SPDX-License-Identifier: Apache-2.0
"""What is stored and why, and what the codes of problems mean."""

from typing import Annotated, Literal

import msgspec
from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter

from sealroom.api.problems import CODES, missing, problems
from sealroom.api.routes.given import Behind
from sealroom.catalogue.export import export
from sealroom.core.callers import Caller

_TYPES = {
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
}


class CodeView(msgspec.Struct, frozen=True):
    """A code of problems."""

    code: str
    meaning: str


@get(
    "/catalogue", operation_id="exportCatalogue", opt={"caller": Caller.API_KEY},
    responses={**problems(), 200: ResponseSpec(bytes, description="The record in that form.", media_type="application/json")},
    summary="Export the data catalogue", tags=["catalogue"],
)  # fmt: skip
async def export_catalogue(
    services: Behind,
    form: Annotated[
        Literal["json", "html", "md"], QueryParameter(name="format", description="JSON, HTML or Markdown.")
    ] = "json",
) -> Response[bytes]:
    """Everything that this installation stores, field by field: the record of processing activities (GDPR article 30)."""
    return Response(export(services.catalogue, form).encode(), media_type=_TYPES[form])


@get(
    "/problems/{code:str}", operation_id="explainProblem", opt={"caller": Caller.ANYONE}, responses=problems(404),
    summary="Explain a problem", tags=["problems"], security=[{}],
)  # fmt: skip
async def explain_problem(
    code: Annotated[str, PathParameter(max_length=64, description="Of a problem.")],
) -> CodeView:
    """What a code means. Needs no signature."""
    if code not in CODES:
        raise missing("not_found", "There is no such code.")
    return CodeView(code, CODES[code])


ROUTES = (export_catalogue, explain_problem)
