# SPDX-License-Identifier: Apache-2.0
"""What was changed of the account and its applications, with all that is needed to check that the log tells the same to everybody."""

import base64
from collections.abc import Awaitable, Sequence
from typing import Annotated, TypeAlias

import msgspec
from litestar import get
from litestar.params import QueryParameter

from sealroom.api.paging import USUAL, Number, Page, PageSize, PageToken, page, place
from sealroom.api.problems import ApiProblem, missing, problems
from sealroom.api.routes.given import Asked, Behind
from sealroom.audit.events import told_actor
from sealroom.audit.service import Placed
from sealroom.audit.tree import leaf_hash
from sealroom.core.callers import Caller

_LIST = "audit"
_OWN = 5_000
"""Applications of one account whose entries are told at once. More make the question longer than a database takes."""
Place: TypeAlias = Annotated[int, QueryParameter(ge=0, le=2**53, description="In the tree.")]


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with all that its leaf in the tree is made of: docs/api.md, Checking the audit log."""

    leaf: int
    id: int
    at: int
    """Unix milliseconds."""
    event: str
    actor: str
    """`api_key:` and the SecretId; or `operator`, whose staff is not named."""
    actor_commitment: str | None
    """Of form 2: HMAC-SHA-256 of the name of who of the operator's staff did it, under a salt that the operator keeps, base64."""
    form: int
    """Of the leaf. In form 1 the name of the operator's staff is in the leaf itself, so only `hash` can be checked of such an entry."""
    target: str
    details: str | None
    """JSON, exactly the text of the commitment; null once erased."""
    salt: str | None
    """Base64; null once erased."""
    commitment: str
    """HMAC-SHA-256 of the details under the salt, base64."""
    previous: str
    """Hash of the leaf before, base64."""
    hash: str
    """Hash of the leaf, base64: what proofs are about."""


class CheckpointView(msgspec.Struct, frozen=True):
    """The newest signed state of the log."""

    checkpoint: str
    """A signed note (C2SP tlog-checkpoint): origin, size, root."""
    keys: list[str]
    """The public keys that notes were ever signed with, as C2SP writes them, the newest first."""


class ProofView(msgspec.Struct, frozen=True):
    """Hashes of RFC 9162, section 2.1, base64."""

    hashes: list[str]


@get(
    "/audit/entries", operation_id="listAuditEntries", opt={"caller": Caller.API_KEY}, responses=problems(), summary="List audit entries",
    tags=["audit"],
)  # fmt: skip
async def list_audit_entries(
    call: Asked, services: Behind, page_size: PageSize = USUAL, page_token: PageToken = None
) -> Page[EntryView]:
    """What was changed of the account, its API keys and its applications, in the order of the tree."""
    after = place(page_token, _LIST, Number, -1)
    found = await services.audit.page(await _targets(call, services), after=after, limit=page_size + 1)
    return page(found, page_size, _LIST, _view, lambda one: one.body.leaf)


@get(
    "/audit/checkpoint", operation_id="getCheckpoint", opt={"caller": Caller.API_KEY}, responses=problems(404),
    summary="Get the newest checkpoint", tags=["audit"],
)  # fmt: skip
async def get_checkpoint(services: Behind) -> CheckpointView:
    """What the operator stands for now. Keep it: a later one must have grown out of it."""
    note = await services.audit.checkpoint()
    if note is None:
        raise missing("checkpoint_missing", "The log has no checkpoint yet.")
    return CheckpointView(note, services.audit.verifiers())


@get(
    "/audit/proofs/inclusion", operation_id="getInclusionProof", opt={"caller": Caller.API_KEY}, responses=problems(422),
    summary="Prove that an entry is in the log", tags=["audit"],
)  # fmt: skip
async def get_inclusion_proof(services: Behind, leaf: Place, size: Place) -> ProofView:
    """That a leaf is in the tree of a size."""
    return await _proof(services.audit.inclusion(leaf, size))


@get(
    "/audit/proofs/consistency", operation_id="getConsistencyProof", opt={"caller": Caller.API_KEY}, responses=problems(422),
    summary="Prove that the log only grew", tags=["audit"],
)  # fmt: skip
async def get_consistency_proof(services: Behind, old: Place, new: Place) -> ProofView:
    """That the tree of one size grew out of that of another."""
    return await _proof(services.audit.consistency(old, new))


async def _targets(call: Asked, services: Behind) -> list[str]:
    keys = await services.api_keys.of(call.uin)
    own = await services.applications.page(call.uin, after=0, limit=_OWN)
    return [
        f"account {call.uin}",
        *(f"api key {key.secret_id}" for key in keys),
        *(f"application {one.sdk_app_id}" for one in own),
    ]


async def _proof(hashes: Awaitable[Sequence[bytes]]) -> ProofView:
    try:
        return ProofView([_text(one) for one in await hashes])
    except ValueError:
        raise ApiProblem(
            422,
            "proof_impossible",
            "There is no such proof.",
            "Name a leaf and sizes that the checkpoint holds.",
        ) from None


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _view(one: Placed) -> EntryView:
    body = one.body
    named = body.actor_commitment
    return EntryView(
        leaf=body.leaf, id=body.id, at=body.at, event=body.event, actor=told_actor(body.actor),
        actor_commitment=None if named is None else _text(named), form=body.form, target=body.target, details=one.payload,
        salt=None if one.salt is None else _text(one.salt), commitment=_text(body.commitment), previous=_text(body.previous),
        hash=_text(leaf_hash(body.octets())),
    )  # fmt: skip


ROUTES = (list_audit_entries, get_checkpoint, get_inclusion_proof, get_consistency_proof)
