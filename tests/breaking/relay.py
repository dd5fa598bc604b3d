# SPDX-License-Identifier: Apache-2.0
"""What would help whoever ends the TLS in front of the authority."""

from tests.breaking.change import Change, Cost, Edit

LINE = "customer/sealroom_customer/client/authority_line.py"
HEARING = "customer/sealroom_customer/client/hearing.py"
MEMBERSHIP = "customer/sealroom_customer/client/membership.py"
WEB_LINE = "web/sdk/src/worker/authority_line.ts"
WEB_MEMBERSHIP = "web/sdk/src/worker/membership.ts"

TEST_LINE = "web/sdk/tests/authority_line.test.ts"
TEST_MEMBERSHIP = "web/sdk/tests/membership.test.ts"
TEST_PYTHON = "customer/tests/client/test_membership.py"
TEST_RELAY = "customer/tests/authority/test_relay.py"

CHANGES = (
    Change(
        "secrets-in-clear",
        "the room's secret would stand on the line as it is",
        (
            Edit(
                "customer/sealroom_customer/sealing/hpke.py",
                "    return sealed[:ENC_BYTES], sealed[ENC_BYTES:]",
                "    return sealed[:ENC_BYTES], secret + bytes(16)",
            ),
            Edit(
                "customer/sealroom_customer/sealing/hpke.py",
                "        return _SUITE.decrypt(enc + ciphertext, key, info)",
                "        return ciphertext[:-16]",
            ),
        ),
        (f"{TEST_RELAY}::test_whoever_reads_a_line_learns_no_secret_and_all_read_the_same_words",),
    ),
    Change(
        "words-without-keys",
        "a key that was swapped on the way would not show in the words",
        (
            Edit(
                "customer/sealroom_customer/sealing/authentication.py",
                'digest.update(len(user).to_bytes(2, "big") + user + key)',
                'digest.update(len(user).to_bytes(2, "big") + user)',
            ),
        ),
        (
            f"{TEST_RELAY}::test_a_key_that_was_swapped_on_the_way_shuts_the_member_out_and_shows_in_the_words",
        ),
    ),
    Change(
        "any-offer",
        "whoever strikes the better suite on the way would have the room seal with the weaker one",
        (Edit(MEMBERSHIP, "        if body.offered != SUITES:", "        if False:"),),
        (f"{TEST_RELAY}::test_a_relay_that_strikes_a_suite_from_the_first_join_is_found_out",),
    ),
    Change(
        "any-offer-in-a-browser",
        "the same, to a device in a browser",
        (Edit(WEB_MEMBERSHIP, "if (body.offered.join() !== SUITE_IDS.join())", "if (false)"),),
        (f"{TEST_MEMBERSHIP}::a snapshot that answers another offer than ours",),
    ),
    Change(
        "never-silent",
        "a removal that is kept from a sender would keep it sending for ever",
        (
            Edit(
                HEARING,
                "        return now - self._heard_at > self._silence_allowed",
                "        return False",
            ),
        ),
        (f"{TEST_RELAY}::test_a_relay_that_keeps_a_removal_back_cannot_keep_the_member_sending",),
    ),
    Change(
        "a-renewed-silence-that-is-passed-over",
        "a backend that lets the authority be silent for less would be passed over while the line lives",
        (
            Edit(
                LINE,
                "Renew(grant=grant.token)).decode())\n            self._hearing.allow(float(grant.max_key_silence))",
                "Renew(grant=grant.token)).decode())",
            ),
        ),
        (
            "customer/tests/client/test_authority_line.py"
            "::test_a_renewed_grant_says_from_then_on_how_long_the_authority_may_be_silent",
        ),
    ),
    Change(
        "an-epoch-without-its-secret",
        "who drops the new secret alone would keep a sender sealing with the one before",
        (
            Edit(
                MEMBERSHIP,
                "        if standing.awaits_secret and not isinstance(body, Secret) and not _puts_out(body, standing):",
                "        if standing.awaits_secret and body is None:",
            ),
        ),
        (
            f"{TEST_RELAY}::test_a_relay_that_keeps_back_the_secret_alone_cannot_keep_the_member_sending",
            f"{TEST_PYTHON}::test_nothing_but_its_secret_may_follow_an_epoch",
        ),
    ),
    Change(
        "a-snapshot-is-enough",
        "a snapshot whose secret is held back would count as a word of the authority",
        (
            Edit(HEARING, "import Alive, Secret, SignedBody", "import Alive, Snapshot, SignedBody"),
            Edit(
                HEARING,
                "        if isinstance(body, Secret):\n            # Not",
                "        if isinstance(body, Snapshot):\n            # Not",
            ),
        ),
        (f"{TEST_RELAY}::test_a_relay_that_lets_only_the_snapshot_through_does_not_count_as_the_authority",),
    ),
    Change(
        "any-signature",
        "whoever ends TLS could speak for the authority",
        (
            Edit(
                "customer/sealroom_customer/sealing/signed.py",
                "        key.verify(from_b64u(signed.signature, 64), SIGNATURE_PREFIX + text)\n",
                "",
            ),
        ),
        (
            f"{TEST_RELAY}::test_a_word_that_another_signed_is_not_trusted",
            f"{TEST_PYTHON}::test_a_body_with_another_signature_or_changed_by_a_byte_is_not_trusted",
        ),
    ),
    Change(
        "a-life-that-has-passed",
        "words of before the authority's restart would be taken again, and counters begin anew",
        (
            Edit(
                MEMBERSHIP,
                "        if instance in self._passed or (known is not None",
                "        if (known is not None",
            ),
        ),
        (f"{TEST_PYTHON}::test_a_life_of_the_room_that_has_passed_does_not_come_back",),
    ),
    Change(
        "any-signature-in-the-browser",
        "whoever ends TLS could speak for the authority to a browser",
        (
            Edit(
                WEB_LINE,
                'if (!(await crypto.subtle.verify("Ed25519", verifier, signature, signed))) {',
                'if ((await crypto.subtle.verify("Ed25519", verifier, signature, signed)) === undefined) {',
            ),
        ),
        (f"{TEST_LINE}::believes nothing whose signature is not the authority's",),
    ),
    Change(
        "silence-by-the-last-word",
        "an old answer that comes late would keep a browser sending",
        (
            Edit(
                WEB_LINE,
                "this.lastHeard = Math.max(this.lastHeard, at);",
                "this.lastHeard = this.ports.now();",
            ),
        ),
        (f"{TEST_LINE}::believes that the authority was there when it was asked, not when the answer came",),
    ),
    Change(
        "an-epoch-without-its-secret-in-the-browser",
        "who drops the new secret alone would keep a browser sealing with the one before",
        (
            Edit(
                WEB_MEMBERSHIP,
                'if (standing.awaitsSecret && body.kind !== "secret" && !putsOut(body, standing.chain))',
                "if (standing.awaitsSecret && body.epoch === 0)",
            ),
        ),
        (f"{TEST_LINE}::does not go on when an epoch's secret is left out and everything else comes",),
    ),
    Change(
        "a-snapshot-is-enough-in-the-browser",
        "a snapshot whose secret is held back would count as a word of the authority to a browser",
        (
            Edit(
                WEB_LINE,
                '    if (body.kind === "secret") at = newKeyAt;',
                '    if (body.kind === "snapshot") at = newKeyAt;',
            ),
        ),
        (f"{TEST_LINE}::does not take a snapshot for the authority while its secret is held back",),
    ),
    Change(
        "a-life-that-has-passed-in-the-browser",
        "words of before the authority's restart would be taken again by a browser",
        (Edit(WEB_MEMBERSHIP, "if (before || this.passed.has(instance)) throw", "if (before) throw"),),
        (f"{TEST_MEMBERSHIP}::may not fall back to an instance that it has left",),
    ),
    Change(
        "silence-that-does-not-stop-a-browser",
        "a removal that is kept from a browser would keep it sending for ever",
        (
            Edit(
                "web/sdk/src/worker/sealing_worker.ts",
                "if (this.failed || this.line === undefined || this.line.silent) return undefined;",
                "if (this.failed || this.line === undefined) return undefined;",
            ),
        ),
        (
            "tests/browser/test_key_silence.py"
            "::test_a_sender_who_hears_nothing_of_the_authority_stops_in_time_and_goes_on_when_the_line_is_back",
        ),
        Cost.SLOW,
    ),
    Change(
        "changes-left-out",
        "a removal could be cut out of what a browser is told",
        (
            Edit(
                WEB_MEMBERSHIP, 'if (body.previous !== chain.head) throw distrust("a change is missing");', ""
            ),
        ),
        (f"{TEST_MEMBERSHIP}::a change whose text was altered breaks the chain at the next",),
    ),
)
