# SPDX-License-Identifier: Apache-2.0
"""`sealroom receipt`: where a call's data was written, signed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from sealroom.cli.flags import AsJson, ConfigFile, StateFolder
from sealroom.cli.kept import with_kept
from sealroom.core.errors import ChangeError, ConfigurationError

if TYPE_CHECKING:
    from sealroom.core.keys import NoteKey
    from sealroom.kept import Kept
    from sealroom.regions.receipt import Receipt

app = App(name="receipt", help="Receipts of calls: where their data was written, and where their media ran.")

Call = Annotated[str, Parameter(help="Its id (TRTC's CommId), or its hash as receipts have it.")]


@app.command(name="show")
def receipt_show(call: Call, *, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Print the receipt of a call that is over, as it was signed."""
    from sealroom.regions.receipts import note_of

    async def work(kept: "Kept") -> str:
        return await note_of(kept.database, call)

    print(with_kept(config, state, work), end="")


@app.command(name="verify")
def receipt_verify(
    call: Call,
    *,
    file: Annotated[
        Path | None, Parameter(help="The receipt, as somebody has it. Without: the one in the database.")
    ] = None,
    key: Annotated[
        tuple[str, ...],
        Parameter(
            help="Key that may have signed, as `keys published` printed it at that site. Without: this site's.",
            negative="",
        ),
    ] = (),
    json: AsJson = False,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Verify a receipt, and print what it says; exits with 1 where it does not hold. With a file and a key it needs nothing of ours."""
    from sealroom.regions.receipt import PURPOSE, check_call, verify
    from sealroom.regions.receipts import note_of

    async def work(kept: "Kept") -> "tuple[str, tuple[NoteKey, ...]]":
        return await note_of(kept.database, call) if file is None else _read(file), kept.keys.verifiers(
            PURPOSE
        )

    if file is not None and key:
        note, known = _read(file), _keys(key)
    else:
        note, known = with_kept(config, state, work)
        known = _keys(key) or known
    receipt = verify(note, known)
    check_call(receipt, call)
    _print(receipt, json)


def _print(receipt: "Receipt", json: bool) -> None:
    import msgspec

    if json:
        print(msgspec.json.encode(receipt).decode())
        return
    print(
        f"application\t{receipt.application}\nsite\t{receipt.site}\nentries\t{receipt.stays}\ntracks\t{receipt.tracks}"
    )
    for ran in receipt.media:
        print(f"media\t{ran.node}\t{ran.site}")
    for lies in receipt.data:
        print(f"data\t{lies.store}\t{lies.dataset}\t{lies.site}")


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ChangeError("receipt_unreadable", f"{file} cannot be read.", "Check its name.") from error


def _keys(told: tuple[str, ...]) -> "tuple[NoteKey, ...]":
    from sealroom.core.keys import NoteKey

    try:
        return tuple(NoteKey.parse(one) for one in told)
    except ValueError as error:
        raise ConfigurationError(
            "key_invalid", f"A key cannot be read: {error}.", "Copy it from `sealroom keys published`."
        ) from error
