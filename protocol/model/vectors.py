# SPDX-License-Identifier: Apache-2.0
"""Makes the vectors beside the protocol text: `python -m protocol.model.vectors` writes them.

Bytes are hex; integers of more than 53 bits are decimal strings, because JavaScript would round them.
"""

import hashlib
import random
from pathlib import Path
from typing import Any

import msgspec

from protocol.model import sealing, sframe, words

FOLDER = Path(__file__).resolve().parents[1] / "vectors"
# A delimiter, SEI, parameter sets and the begin of an IDR slice, with start codes of both lengths.
H264_KEY_FRAME = bytes.fromhex(
    "00000001 09f0 000001 0605010280 000001 6742c01f8c8d40501e 00000001 68ce3c80 000001 65b8"
)
# A temporal delimiter, a sequence header, and the header of a frame of 300 bytes; and a delimiter with a frame of 70.
AV1_KEY_UNIT = bytes.fromhex("1200 0a0a 0000000cc4ff67006802 32ac02")
AV1_DELTA_UNIT = bytes.fromhex("1200 3246")
EDGES = (0, 1, 7, 8, 255, 256, 65535, 65536, 2**24, 2**32 - 1, 2**32, 2**53, 2**56, 2**63, 2**64 - 1)


def headers() -> dict[str, Any]:
    """SFrame headers: good ones, and bytes that must be refused."""
    good = [
        {"kid": str(kid), "counter": str(counter), "encoded": sframe.encode_header(kid, counter).hex()}
        for kid in EDGES
        for counter in EDGES
    ]
    refused = [
        "",
        "80",
        "8007",
        "0807",
        "800008",
        "9000ff",
        "88",
        "8808",
        "880800",
        "f0ff",
        "0f00000000000000ff",
        "7f00",
    ]
    for text in refused:
        try:
            sframe.decode_header(bytes.fromhex(text))
        except ValueError:
            continue
        raise AssertionError(text)
    return {"good": good, "refused": refused}


def schedule() -> list[dict[str, Any]]:
    """Epochs with their steps and sender keys."""
    found = []
    for suite, app, kind, room, epoch in (
        (5, 1400000000, "string", "room-abc", 1),
        (4, 1400000000, "string", "room-abc", 1),
        (5, 1, "number", "123", 64),
        (5, 1, "string", "123", 64),
        (5, 4294967295, "string", "~" * 64, 2**40 + 63),
    ):
        place = sealing.Room(suite, app, kind, room, _bytes(f"instance {room}", 16))
        epoch_secret = _bytes(f"epoch {suite} {epoch}", sframe.SUITES[suite].nh)
        secret, steps = place.first_secret(epoch, epoch_secret), []
        for step in range(16):
            senders = [
                {
                    "index": index,
                    "track": track,
                    "kid": sealing.kid(epoch, step, index, track),
                    "baseKey": place.base_key(secret, epoch, step, index, track).hex(),
                }
                for index, track in ((0, "audio"), (0, "main"), (1, "main"), (65535, "screen"), (300, "data"))
            ]
            info = place.hpke_info(epoch, step, 7).hex()
            steps.append({"step": step, "secret": secret.hex(), "hpkeInfoTo7": info, "senders": senders})
            secret = place.next_secret(secret)
        found.append(
            {
                "suite": suite, "app": app, "kind": kind, "room": room, "instance": place.instance.hex(),
                "epoch": str(epoch), "context": place.context(epoch).hex(), "epochSecret": epoch_secret.hex(), "steps": steps,
            }
        )  # fmt: skip
    return found


def frames() -> list[dict[str, Any]]:
    """Frames of each codec, sealed."""
    found = []
    for suite in (5, 4):
        place = sealing.Room(suite, 1400000000, "string", "room-abc", _bytes("instance room-abc", 16))
        secret = place.first_secret(1, _bytes(f"epoch {suite} 1", sframe.SUITES[suite].nh))
        for track, codec, frame, counter in (
            ("audio", "opus", _bytes("opus", 80), 0),
            ("audio", "red", _bytes("red", 90), 1),
            ("main", "vp8", b"\x10" + _bytes("vp8 key", 200), 0),
            ("main", "vp8", b"\x11" + _bytes("vp8 delta", 50), 2**40),
            ("main", "vp8", b"\x11ab", 5),
            ("screen", "vp9", _bytes("vp9", 120), 255),
            ("data", "data", b"hello", 65536),
            ("main", "h264", H264_KEY_FRAME + _bytes("h264 key", 300), 0),
            ("main", "h264", b"\0\0\1\x41\x9a" + _bytes("h264 delta", 70), 2**16),
            ("main", "h264", b"\0\0\0\1\x41\xe0\0\0", 2**32),
            ("main", "av1", AV1_KEY_UNIT + _bytes("av1 key", 300), 0),
            ("screen", "av1", AV1_DELTA_UNIT + _bytes("av1 delta", 70), 2**16),
            ("main", "av1", b"\x32\0", 7),
        ):
            key_id = sealing.kid(1, 0, 3, track)
            base_key = place.base_key(secret, 1, 0, 3, track)
            sealed = sealing.seal(suite, key_id, counter, base_key, track, codec, frame)
            found.append(
                {
                    "suite": suite, "track": track, "codec": codec, "kid": key_id, "counter": str(counter),
                    "baseKey": base_key.hex(), "frame": frame.hex(), "sealed": sealed.hex(),
                    "opened": sealing.opened(codec, sealing.form(codec, frame)).hex(),
                }
            )  # fmt: skip
    return found


def custom() -> dict[str, Any]:
    """Custom messages: bodies and their sealed form, and bodies that must be refused."""
    good = []
    for suite in (5, 4):
        place = sealing.Room(suite, 1400000000, "string", "room-abc", _bytes("instance room-abc", 16))
        secret = place.first_secret(1, _bytes(f"epoch {suite} 1", sframe.SUITES[suite].nh))
        key_id = sealing.kid(1, 0, 3, "data")
        base_key = place.base_key(secret, 1, 0, 3, "data")
        for counter, command, sequence, data in (
            (0, 1, 1, b"hello"),
            (1, 10, 2**32 - 1, b""),
            (300, 2, 7, _bytes("custom", 1024)),
            (2**40, 3, 0, "Grüße".encode()),
        ):
            body = sealing.custom_body(command, sequence, data)
            sealed = sealing.seal(suite, key_id, counter, base_key, "data", "data", body)
            good.append(
                {
                    "suite": suite, "secret": secret.hex(), "index": 3, "kid": key_id, "counter": str(counter), "baseKey": base_key.hex(),
                    "command": command, "sequence": sequence, "data": data.hex(), "body": body.hex(), "sealed": sealed.hex(),
                }
            )  # fmt: skip
    refused = [
        "",
        "0001",
        "000100000001"[:10],
        "000000000001",
        "000b00000001",
        "0101000000010a",
        "0001000000ff" + "00" * 1025,
    ]
    return {"good": good, "refused": refused}


def refusals() -> dict[str, Any]:
    """What a receiver that has one secret does with well-formed audio frames of other versions and of high counters."""
    place = sealing.Room(5, 1400000000, "string", "room-abc", _bytes("instance room-abc", 16))
    epoch, step = 100, 5
    secret = _bytes("refusals", 64)
    own = [(0, step, counter, reason) for counter, reason in ((2**40, None), (2**40 + 1, "malformed"))]
    stepped = [(0, step - 1, 0, "old_epoch"), (0, step + 7, 0, None), (0, step + 8, 0, "no_key")]
    others = [
        (behind, 0, 0, "old_epoch" if behind <= 32 else "no_key") for behind in (1, 2, 31, 32, 33, 34, 62, 63)
    ]
    cases = []
    for behind, of_step, counter, reason in own + stepped + others:
        key_id = sealing.kid(epoch - behind, of_step, 3, "audio")
        theirs = secret
        for _ in range(step, of_step):
            theirs = place.next_secret(theirs)
        base_key = place.base_key(theirs, epoch - behind, of_step, 3, "audio")
        sealed = sealing.seal(5, key_id, counter, base_key, "audio", "opus", b"audio")
        cases.append(
            {
                "behind": behind,
                "step": of_step,
                "counter": str(counter),
                "sealed": sealed.hex(),
                "reason": reason,
            }
        )
    known = {"suite": 5, "epoch": epoch, "step": step, "index": 3, "secret": secret.hex()}
    return {"known": known, "cases": cases}


def authentication() -> list[dict[str, Any]]:
    """Authentication strings of rooms with nobody, one, a few and many."""
    found = []
    for app, kind, room, users in (
        (1400000000, "string", "room-abc", []),
        (1400000000, "string", "room-abc", ["alice"]),
        (1400000000, "string", "room-abc", ["bob", "alice", "Alice", "a_b", "a-b"]),
        (1, "number", "123", ["alice", "bob"]),
        (1, "string", "123", ["alice", "bob"]),
        (4294967295, "string", "~" * 64, [f"user{number}" for number in range(40)]),
    ):
        authority_key = _bytes(f"authority {app}", 32)
        members = {user: b"\x04" + _bytes(f"member {user}", 64) for user in users}
        numbers = sealing.authentication(authority_key, app, kind, room, members)
        found.append(
            {
                "authorityKey": authority_key.hex(), "app": app, "kind": kind, "room": room,
                "members": [{"user": user, "key": key.hex()} for user, key in members.items()],
                "words": [words.words()[number] for number in numbers],
            }
        )  # fmt: skip
    return found


def outputs() -> dict[Path, str]:
    """Every file of vectors and its text."""
    made = {
        "headers": headers(),
        "schedule": schedule(),
        "frames": frames(),
        "custom": custom(),
        "refusals": refusals(),
        "authentication": authentication(),
    }
    return {
        FOLDER / f"{name}.json": msgspec.json.format(msgspec.json.encode(content), indent=1).decode() + "\n"
        for name, content in made.items()
    }


def _bytes(seed: str, length: int) -> bytes:
    return random.Random(hashlib.sha256(seed.encode()).digest()).randbytes(length)


if __name__ == "__main__":
    for path, text in outputs().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
