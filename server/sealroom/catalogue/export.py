# SPDX-License-Identifier: Apache-2.0
"""The catalogue for people and machines: the record of processing activities of GDPR article 30, as HTML, Markdown or JSON."""

import html
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import msgspec

from sealroom.catalogue.dataset import Column, Dataset
from sealroom.catalogue.fields import Subject

Format: TypeAlias = Literal["html", "json", "md"]

_INTRODUCTION = (
    "Made from the declarations in the program, which refuses to store what they do not name. The processor is whoever "
    "operates this installation, the controller is his customer; content of calls is in none of these: the operator has no "
    "key to it."
)
_WHOLE = (
    ("For the operator to fill in", "name and contact of the processor and of his data protection officer. The controllers are his accounts: `sealroom account list`."),
    ("Whose data", "users of the customers' applications, the customers' contacts, the operator's staff."),
    (
        "Recipients",
        "the customer, by the APIs and by webhooks to addresses that he names; the operator's staff; a collector of spans where the operator "
        "names one, which gets nothing personal. Nobody else.",
    ),
    ("Transfers to third countries", "none by the program: an application's data lies in its site and nowhere else. In which country a site is, the operator says."),
    (
        "Security",
        "media is sealed end to end unless the customer has chosen otherwise; TLS or DTLS-SRTP on every way; secrets and the journal encrypted under a "
        "master key; personal values in the log only as keyed hashes; every change in a signed audit log; what is old is deleted daily.",
    ),
)  # fmt: skip
"""What article 30 (2) asks for beside the processing itself."""
_FACTS = ("Class", "Purpose", "Legal basis", "Kept", "Where", "Store", "Found by")


def export(catalogue: Iterable[Dataset], form: Format) -> str:
    """The whole record in one form."""
    datasets = list(catalogue)
    if form == "json":
        return (
            msgspec.json.format(msgspec.json.encode([_as_json(one) for one in datasets]), indent=2).decode()
            + "\n"
        )
    return _markdown(datasets) if form == "md" else _html(datasets)


def _as_json(one: Dataset) -> dict[str, object]:
    return {
        "name": one.name, "store": one.store.value, "what": one.what, "class": one.data_class.value,
        "purpose": one.purpose.value, "legal_basis": one.basis.value, "region": one.region.value,
        "retention": {"ends": one.retention.ends.value, "days": one.retention.days, "reason": one.retention.reason},
        "personal": one.is_personal,
        "fields": [_field_as_json(one, name, column) for name, column in one.columns.items()],
    }  # fmt: skip


def _field_as_json(one: Dataset, name: str, column: Column) -> dict[str, object]:
    said = column.field
    return {
        "name": name, "what": said.what, "kind": column.kind.value, "personal": said.personal,
        "class": (said.data_class or one.data_class).value, "subject": said.subject.value if said.subject else None,
    }  # fmt: skip


def _facts(one: Dataset) -> tuple[str, ...]:
    found_by = [f"{subject.value}: {name}" for subject in Subject if (name := one.subject(subject))]
    return (
        one.data_class.meaning, one.purpose.meaning, one.basis.meaning, str(one.retention), one.region.meaning,
        one.store.meaning, ", ".join(found_by) or "no subject",
    )  # fmt: skip


def _rows(one: Dataset) -> list[tuple[str, str, str]]:
    return [
        (name, column.field.what, "personal" if column.field.personal else "")
        for name, column in one.columns.items()
    ]


def _markdown(datasets: Sequence[Dataset]) -> str:
    parts = ["# The data catalogue", "", _INTRODUCTION, ""]
    parts += [*(f"- {name}: {text}" for name, text in _WHOLE), ""]
    for one in datasets:
        parts += [f"## {one.name} ({one.store.value})", "", one.what, ""]
        parts += [f"- {fact}: {value}" for fact, value in zip(_FACTS, _facts(one), strict=True)]
        parts += ["", "| field | what | |", "|---|---|---|"]
        parts += [
            f"| `{name}` | {what.replace('|', '/')} | {personal} |" for name, what, personal in _rows(one)
        ]
        parts.append("")
    return "\n".join(parts)


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}td,th{border-bottom:1px solid #d6dae0;padding:.3rem .5rem;"
    "text-align:left;vertical-align:top}dt{float:left;clear:left;width:8rem;color:#59636e}dd{margin-left:8rem}"
    "@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#14171a}td,th{border-color:#333a42}dt{color:#9aa4af}}"
)


def _html(datasets: Sequence[Dataset]) -> str:
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Record of processing activities</title><style>{_STYLE}</style>",
        f"<h1>Record of processing activities</h1><p>GDPR article 30. {_INTRODUCTION}</p>",
        "".join(f"<p><b>{name}</b>: {html.escape(text)}</p>" for name, text in _WHOLE),
    ]
    for one in datasets:
        facts = "".join(
            f"<dt>{fact}</dt><dd>{html.escape(value)}</dd>"
            for fact, value in zip(_FACTS, _facts(one), strict=True)
        )
        rows = "".join(
            f"<tr><td><code>{html.escape(name)}</code></td><td>{html.escape(what)}</td><td>{personal}</td></tr>"
            for name, what, personal in _rows(one)
        )
        parts.append(
            f"<h2>{html.escape(one.name)}</h2><p>{html.escape(one.what)}</p><dl>{facts}</dl>"
            f"<table><thead><tr><th>field</th><th>what</th><th></th></tr></thead><tbody>{rows}</tbody></table>"
        )
    return "\n".join(parts) + "\n"
