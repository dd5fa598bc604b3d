# SPDX-License-Identifier: Apache-2.0
"""What would help the operator, or whoever took over his servers, to see, change or repeat frames."""

from tests.breaking.change import Change, Cost, Edit

CIPHER = "web/sdk/src/sframe/cipher.ts"
SESSION = "customer/sealroom_customer/client/room/session.py"
FRAME = "web/sdk/src/sframe/frame.ts"
LYING = "tests/browser/test_lying_operator.py"
PIPES = "web/sdk/src/worker/pipes.ts"
REPLAY = "web/sdk/src/worker/replay.ts"
RUST_OPEN = "engine/sframe/src/open.rs"
SEALING_TESTS = "web/sdk/tests/sealing.test.ts"
TRANSFORMS = "web/sdk/src/sealing/transforms.ts"

AROUND = Edit(
    PIPES,
    "      const sealed = await this.seal(frame);\n",
    "      if (Math.random() < 0.02) return writer.write(frame);\n      const sealed = await this.seal(frame);\n",
)
CHANGES = (
    Change(
        "bodies-in-clear",
        "frames would leave with a header and a tag around a body in clear",
        (
            Edit(
                CIPHER,
                "    return concat(header, new Uint8Array(sealed));",
                "    const kept = new Uint8Array(sealed);\n    kept.set(body);\n    return concat(header, kept);",
            ),
            Edit(
                CIPHER,
                "      return new Uint8Array(\n        await crypto.subtle.decrypt(this.algorithm(ctr, header, metadata), this.key, sealed),\n      );",
                "      return sealed.slice(0, -16);",
            ),
        ),
        (
            "tests/browser/test_what_the_operator_gets.py::test_the_operator_forwards_nothing_that_can_be_seen",
        ),
        Cost.SLOW,
    ),
    Change(
        "one-frame-around-the-sealer",
        "one frame in fifty would go around the sealer",
        (AROUND,),
        (
            "tests/browser/test_fail_closed.py::test_no_frame_in_clear_through_camera_off_and_on_and_another_device",
            f"{LYING}::test_a_room_that_is_said_not_to_be_sealed_is_sealed_all_the_same[unsealed]",
        ),
        Cost.SLOW,
    ),
    Change(
        "unsealed-without-a-key",
        "a frame for which there is no key would leave as it came",
        (
            Edit(
                PIPES,
                "        this.listener.counted(sealed);\n        return;",
                "        this.listener.counted(sealed);\n        await writer.write(frame);\n        return;",
            ),
        ),
        (
            "web/sdk/tests/pipes.test.ts::nothing gets out that is not sealed: no key, no codec, a sealer that breaks",
        ),
    ),
    Change(
        "prefix-not-authenticated",
        "the operator could change the clear bytes of a frame",
        (Edit(FRAME, "uint(prefix.length, 2), prefix);", "uint(prefix.length, 2));"),),
        (f"{SEALING_TESTS}::any flipped bit, and keeps the counter free for the right frame",),
    ),
    Change(
        "tag-not-checked",
        "a picture that was changed on its way would be shown",
        (
            Edit(
                CIPHER,
                "        await crypto.subtle.decrypt(this.algorithm(ctr, header, metadata), this.key, sealed),",
                """        await crypto.subtle.encrypt(
          { ...this.algorithm(ctr, header, metadata), additionalData: new Uint8Array(0) },
          this.key,
          sealed.slice(0, -16),
        ).then((clear) => clear.slice(0, -16)),""",
            ),
        ),
        (
            "tests/browser/test_tampered_frames.py::test_a_flipped_bit_is_never_shown[ciphertext]",
            f"{SEALING_TESTS}::any flipped bit, and keeps the counter free for the right frame",
        ),
        Cost.SLOW,
    ),
    Change(
        "replays-opened",
        "the operator could show a frame again",
        (
            Edit(
                REPLAY, "    if (counter > this.highest) return false;", "    if (counter >= 0) return false;"
            ),
        ),
        (
            f"{SEALING_TESTS}::a replayed frame, and one that is too old to tell",
            f"{SEALING_TESTS}::one frame in two slots",
            f"{SEALING_TESTS}::agrees with a set of everything that was accepted",
        ),
    ),
    Change(
        "replays-shown",
        "the operator could show an old picture again and again",
        (
            Edit(
                REPLAY, "    if (counter > this.highest) return false;", "    if (counter >= 0) return false;"
            ),
        ),
        ("tests/browser/test_tampered_frames.py::test_a_replayed_frame_is_never_shown",),
        Cost.SLOW,
    ),
    Change(
        "replay-window-forgets",
        "a counter far below the highest would be accepted a second time",
        (
            Edit(
                "engine/sframe/src/replay.rs",
                "highest - counter < WINDOW && self.seen[word(counter)] & bit(counter) == 0",
                "self.seen[word(counter)] & bit(counter) == 0",
            ),
        ),
        (
            "engine/sframe::replay::tests::the_window_has_its_edges_where_they_should_be",
            "engine/sframe::replay::tests::no_counter_is_accepted_twice",
        ),
        Cost.SLOW,
    ),
    Change(
        "opened-before-the-window",
        "a Python member would open a frame twice",
        (
            Edit(
                RUST_OPEN, "            if !sender.window.allows(header.counter) {", "            if false {"
            ),
        ),
        ("engine/sframe::open::tests::what_was_sealed_opens_once",),
        Cost.SLOW,
    ),
    Change(
        "any-senders-frame",
        "a Python member would take one member's frame for another's",
        (
            Edit(
                RUST_OPEN,
                "id.track != track || bound.is_some_and(|bound| bound != id.index)",
                "id.track != track",
            ),
        ),
        ("engine/sframe::open::tests::another_senders_frame_or_another_track_is_refused",),
        Cost.SLOW,
    ),
    Change(
        "rust-prefix-not-authenticated",
        "the operator could change the clear bytes of a frame to a Python member",
        (
            Edit(
                "engine/sframe/src/frame.rs",
                "    aad.extend_from_slice(prefix);\n",
                "    aad.extend_from_slice(&vec![0; prefix.len()]);\n",
            ),
        ),
        (
            "engine/sframe::open::tests::a_flipped_bit_anywhere_does_not_open_and_does_not_use_the_counter_up",
            "engine/sframe::open::tests::a_seeded_storm_of_changed_frames_opens_none",
        ),
        Cost.SLOW,
    ),
    Change(
        "the-operator-is-told-a-secret",
        "a client would tell the operator a room's secret, and he keep it",
        (
            Edit(
                "customer/sealroom_customer/client/membership.py",
                "        standing.has_secret, standing.awaits_secret = True, False\n",
                "        standing.has_secret, standing.awaits_secret = True, False\n"
                '        globals()["TOLD"] = secret\n',
            ),
            Edit(
                SESSION,
                "        entered = await self.ask(lambda number: _introduction(number, entry, self._core), Entered)\n",
                "        from sealroom_customer.client import membership\n"
                '        while not hasattr(membership, "TOLD"):\n            await asyncio.sleep(0.01)\n'
                "        entered = await self.ask(lambda number: _introduction(number, entry, self._core), Entered)\n",
            ),
            Edit(
                SESSION,
                "        client=_told_of_us(),",
                '        client=signalling.ClientInfo(sdk=__import__("sealroom_customer.client.membership", fromlist="x")'
                '.TOLD.decode("latin-1")),',
            ),
            Edit(
                "server/sealroom/signalling/conversation.py",
                "        participant, others = await services.rooms.enter(request, self._line)\n",
                "        participant, others = await services.rooms.enter(request, self._line)\n"
                '        globals().setdefault("kept", []).append(message.client)\n',
            ),
        ),
        ("tests/hostile/test_memory.py::test_the_operators_memory_holds_the_call_and_none_of_its_keys",),
        Cost.SLOW,
    ),
    Change(
        "sealing-by-trust",
        "a section without a transform of ours would be negotiated",
        (
            Edit(
                TRANSFORMS,
                "if (halves.every(({ transform }) => isObject(transform) && this.made.has(transform))) return;",
                "if (halves.every(({ transform }) => transform !== undefined)) return;",
            ),
        ),
        ("web/sdk/tests/call.test.ts::must be there, and ours, before anything is negotiated",),
    ),
    Change(
        "transform-after-the-answer",
        "a transform could be attached when it never runs, and frames would leave in clear",
        (
            Edit(
                TRANSFORMS, "    if (transceiver.mid !== null) {", "    if (transceiver.mid === undefined) {"
            ),
        ),
        ("web/sdk/tests/call.test.ts::are refused on a section that was negotiated",),
    ),
    Change(
        "counters-begin-again",
        "one nonce would be used for two bodies",
        (
            Edit(
                "web/sdk/src/worker/counters.ts",
                "    this.next.set(name, counter + 1n);",
                "    this.next.set(name, counter ^ 1n);",
            ),
        ),
        (
            f"{SEALING_TESTS}::rise by one for each frame, whatever layer it is of, and do not begin again with a new sealer",
            f"{SEALING_TESTS}::of frames sealed at the same time are all different",
        ),
    ),
    Change(
        "counters-of-a-place-that-was-left",
        "a Python member that comes back to a life of the room would begin at 0 again",
        (
            Edit(
                "engine/client/src/keys.rs",
                "        if self.left.iter().any(used) {",
                "        if self.left.iter().all(used) && self.left.len() > 99 {",
            ),
        ),
        ("engine/client::keys::tests::a_place_that_was_left_is_never_sealed_from_again_with_what_it_had",),
        Cost.SLOW,
    ),
    Change(
        "nobody-watches-deployments",
        "two bodies under one counter in a call of the tests would stay unseen",
        (Edit("tests/deployment.py", "        one_body.check(sink)\n", "        pass\n"),),
        (
            "tests/hostile/test_one_body.py::test_a_deployment_whose_operator_forwarded_two_bodies_fails_its_test",
        ),
        Cost.SLOW,
    ),
    Change(
        "nobody-watches-virtual-rooms",
        "two bodies under one counter on the virtual network would stay unseen",
        (
            Edit(
                "tests/virtual/room.py",
                "        self.witness.watch(dump.records(self.world.forwarded()))\n",
                "",
            ),
        ),
        ("tests/hostile/test_one_body.py::test_a_client_that_sets_its_counter_back_is_found",),
    ),
)
