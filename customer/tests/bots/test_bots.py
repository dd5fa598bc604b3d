# SPDX-License-Identifier: Apache-2.0
"""Bots: pictures that can be told apart, the judge of what shut eyes see, and a room of them over real processes."""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import msgspec
import numpy as np
import pytest

from sealroom_customer.bots.barcode import Mark, read
from sealroom_customer.bots.encoding import OpusEncoder, Vp8Decoder, Vp8Encoder
from sealroom_customer.bots.judge import Judge, header_length, tries
from sealroom_customer.bots.pattern import Pattern, Tone
from sealroom_customer.bots.run import Report, line
from sealroom_customer.bots.tokens import TokenSource
from sealroom_customer.demo.guests import LiveLine
from sealroom_customer.errors import ConfigurationError, StartError
from tests.deployment import BIN, deployment

WIDTH, HEIGHT, RATE = 320, 192, 15


def frames(sender: int, count: int) -> list[bytes]:
    pattern, encoder = Pattern(sender, WIDTH, HEIGHT), Vp8Encoder(WIDTH, HEIGHT, RATE, 300_000)
    return [encoder.encode(pattern.picture(number), key=number == 0) for number in range(count)]


def noise(frame: bytes, number: int, header: bytes = b"\x99\x01\x10\x12\x34") -> bytes:
    """As sealing would leave a frame: the clear prefix, a header, bytes without meaning, a tag."""
    clear = 3 if frame[0] & 1 else 10
    body = np.random.default_rng(number).bytes(len(frame) - clear + 16)
    return frame[:clear] + header + body


@pytest.mark.parametrize("number", [0, 1, 255, 256, 65_535])
def test_a_barcode_survives_the_encoder(number: int) -> None:
    pattern, encoder, decoder = (
        Pattern(7, WIDTH, HEIGHT),
        Vp8Encoder(WIDTH, HEIGHT, RATE, 300_000),
        Vp8Decoder(),
    )
    (picture,) = decoder.decode(encoder.encode(pattern.picture(number), key=True))
    assert read(picture) == Mark(7, number)


def test_a_picture_without_a_barcode_says_nothing() -> None:
    assert read(np.full((HEIGHT, WIDTH), 128, np.uint8)) is None


def test_every_frame_asked_for_as_key_is_one() -> None:
    pattern, encoder = Pattern(1, WIDTH, HEIGHT), Vp8Encoder(WIDTH, HEIGHT, RATE, 300_000)
    keys = [not encoder.encode(pattern.picture(number), key=number % 4 == 0)[0] & 1 for number in range(12)]
    assert keys == [number % 4 == 0 for number in range(12)]


def test_every_block_of_sound_is_one_opus_frame_of_20_ms() -> None:
    tone, encoder = Tone(1), OpusEncoder()
    made = [frame for number in range(50) if (frame := encoder.encode(tone.samples(number)))]
    assert len(made) >= 48
    # RFC 6716 section 3.1: the code in the lowest two bits is 0 for a single frame.
    assert all(frame[0] & 3 == 0 for frame in made)


def test_the_judge_sees_what_was_not_sealed() -> None:
    judge = Judge()
    found = [judge.look(frame, frame) for frame in frames(1, 20)]
    assert all(found)
    assert (judge.frames, judge.seen) == (20, 20)


def test_the_judge_sees_a_body_behind_a_header_that_hides_nothing() -> None:
    judge = Judge()
    header = b"\x99\x01\x10\x12\x34"
    for frame in frames(2, 20):
        clear = 3 if frame[0] & 1 else 10
        disguised = frame[:clear] + header + frame[clear:] + bytes(16)
        assert header_length(disguised) == len(header)
        assert tries(disguised)[1] == frame
        judge.look(disguised, frame)
    assert judge.seen >= 19


def test_the_judge_sees_nothing_in_noise() -> None:
    judge = Judge()
    for number, frame in enumerate(frames(1, 60)):
        judge.look(noise(frame, number), frame)
    assert (judge.frames, judge.seen) == (60, 0)


def test_a_live_line_writes_over_itself_only_on_a_terminal() -> None:
    written: list[str] = []
    for terminal in (True, False):
        live = LiveLine(written.append, terminal)
        for number in range(11):
            live.show(f"{number}")
        live.end()
    assert written == [*(f"\r\x1b[K{number}" for number in range(11)), "\n", "0\n", "10\n"]


@pytest.mark.parametrize("page", ["ftp://a", "http://a.example", "localhost:8080", ""])
def test_tokens_are_asked_for_over_tls_or_on_loopback_only(page: str) -> None:
    with pytest.raises(ConfigurationError):
        TokenSource(page)


async def test_a_backend_that_is_not_there_is_said() -> None:
    with pytest.raises(StartError, match="did not let `bot-1` have"):
        await TokenSource("http://localhost:9").entry("bot-1", "demo")


def test_two_bots_in_a_room_see_each_other_and_the_operator_sees_neither(tmp_path: Path) -> None:
    with deployment(tmp_path) as running:
        command = [
            str(BIN / "sealroom-customer"), "bot", "--page", running.page, "--count", "2", "--seconds", "8", "--json",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        forwarded = running.metric("sealroom_media_forwarded_packets_total")
    reports = [
        msgspec.json.decode(text, type=Report) for text in done.stdout.splitlines() if text.startswith("{")
    ]
    last = reports[-1]
    assert (last.bots, last.members) == (2, 2), line(last)
    assert last.opened > 300
    assert last.judged > 30
    assert last.seen == 0
    assert last.packets > 0
    assert forwarded >= last.packets
    told = [report.forwarded for report in reports]
    assert told == sorted(told)
    # Its record may be a second old, the report after it another.
    assert reports[-3].packets <= told[-1] <= forwarded, "the operator's own number"
    early = {"no_key", "wrong_sender", "old_epoch"}
    assert last.refused.keys() <= early, "only what was sealed before keys and roster were there"
    flowing = [report for report in reports if report.judged > 15]
    assert sum(flowing[0].refused.values()) == sum(last.refused.values()), "none was refused once it flowed"


def test_a_bot_that_is_not_let_in_says_so_and_ends() -> None:
    command = [
        sys.executable,
        "-m",
        "sealroom_customer",
        "bot",
        "--page",
        "http://localhost:9",
        "--seconds",
        "5",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "bot_not_let_in" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_has_two_bots_and_says_every_so_often_how_they_fare(tmp_path: Path) -> None:
    with deployment(tmp_path, bots=2) as running:
        line = running.customer.wait_for(
            re.compile(r"live +2 members .*forwarded by the operator [1-9].*operator 0 of [1-9]\d* frames")
        )
        assert "opened" in line
    assert not any("bot" in line and "Traceback" in line for line in running.customer.lines)


def test_a_bot_that_is_put_out_stays_out_and_the_others_go_on(tmp_path: Path) -> None:
    with deployment(tmp_path) as running:
        command = [
            str(BIN / "sealroom-customer"), "bot", "--page", running.page, "--count", "2", "--seconds", "60", "--json",
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bots:
            assert bots.stdout is not None
            for text in bots.stdout:
                if text.startswith("{") and msgspec.json.decode(text, type=Report).members == 2:
                    break
            credential = next((tmp_path / "customer").glob("*credential*")).read_text().strip()
            request = urllib.request.Request(
                f"{running.page.rstrip('/')}/authority/v1/rooms/string/demo/members/bot-2/remove",
                json.dumps({"app": running.application()["sdk_app_id"]}).encode(),
                {"authorization": f"Bearer {credential}", "content-type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=5) as got:
                assert got.status == 200
            alone = 0
            for text in bots.stdout:
                if text.startswith("{"):
                    report = msgspec.json.decode(text, type=Report)
                    # It would try again after half a second, and then with a grant that is new.
                    alone = alone + 1 if report.members == report.bots == 1 else 0
                    if alone == 3:
                        break
            bots.terminate()
        assert (alone, bots.returncode) == (3, 0)
