# SPDX-License-Identifier: Apache-2.0
"""What would help an operator who lies: about who is there, whose frame it is, which track it belongs to, and when it was sent."""

from tests.breaking.change import Change, Cost, Edit

LYING = "tests/browser/test_lying_operator.py"
LYING_BY_SEED = "web/sdk/tests/lying_server.test.ts"
MEMBERSHIP = "web/sdk/src/worker/membership.ts"
OPENER = "web/sdk/src/worker/opener.ts"
REPLAY = "web/sdk/src/worker/replay.ts"
RING = "web/sdk/src/worker/ring.ts"
SPEECH = "customer/sealroom_customer/authority/speech.py"
SEALING_TESTS = "web/sdk/tests/sealing.test.ts"

UNBOUND = Edit(
    OPENER,
    "return TRACK_NUMBER[source.track] === id.track && this.room.indexOf(source.user) === id.index;",
    "return TRACK_NUMBER[source.track] === id.track;",
)
CHANGES = (
    Change(
        "slots-not-bound",
        "one member's picture could be put into another's slot",
        (UNBOUND,),
        (f"{SEALING_TESTS}::another sender's frame, another track's, and our own that comes back",),
    ),
    Change(
        "slots-not-bound-on-the-page",
        "one member's picture would be shown under another's name",
        (UNBOUND,),
        (f"{LYING}::test_another_members_picture_is_never_shown[crosses_members]",),
        Cost.SLOW,
    ),
    Change(
        "slots-not-bound-by-seed",
        "one member's picture could be put into another's slot by a server that tries everything",
        (UNBOUND,),
        (
            f"{LYING_BY_SEED}::shows nothing wrong and loses nothing that it hands on within the second, whatever else it does",
        ),
    ),
    Change(
        "tracks-not-bound",
        "a screen could be shown for a camera",
        (
            Edit(
                OPENER,
                "return TRACK_NUMBER[source.track] === id.track && this.room.indexOf(source.user) === id.index;",
                "return this.room.indexOf(source.user) === id.index;",
            ),
        ),
        (f"{LYING}::test_a_screen_is_never_shown_for_a_camera_nor_a_camera_for_a_screen[crosses_tracks]",),
        Cost.SLOW,
    ),
    Change(
        "voices-by-hearsay",
        "the operator could put one member's name to another's voice",
        (
            Edit(
                "web/sdk/src/call/call.ts",
                "        if (this.config.sealing === undefined && entry === this.entry) this.speakers.assign(place, userId);",
                "        if (entry === this.entry) this.speakers.assign(place, userId);",
            ),
            Edit(
                "web/sdk/src/call/call.ts",
                "      voice: (entry, place, userId) => {\n        if (entry !== this.entry) return;",
                "      voice: (entry, place, userId) => {\n        if (entry >= 0) return;",
            ),
        ),
        (f"{LYING}::test_a_voice_has_the_name_that_its_frames_give_it[crosses_voices]",),
        Cost.SLOW,
    ),
    Change(
        "strangers-unmarked",
        "somebody whom the operator invented would stand in the list like a member",
        (
            Edit(
                "web/meet/src/state.ts",
                "return present.value.filter((user) => !members.has(user) && user !== userId.value);",
                'return present.value.filter((user) => members.has(user) && user === "");',
            ),
        ),
        (f"{LYING}::test_a_member_that_the_operator_invented_shows_nothing_and_is_marked[invents_a_member]",),
        Cost.SLOW,
    ),
    Change(
        "epochs-that-never-pass",
        "frames of an epoch that somebody removed has would be opened for ever",
        (
            Edit(
                RING, "      const alive = epoch.expiresAt > now;", "      const alive = epoch.expiresAt > 0;"
            ),
        ),
        (f"{LYING_BY_SEED}::shows nothing of an hour ago, whether it was shown then or kept back",),
    ),
    Change(
        "epochs-that-never-pass-on-the-page",
        "a page would not tell a frame of an epoch that has passed",
        (
            Edit(
                RING, "      const alive = epoch.expiresAt > now;", "      const alive = epoch.expiresAt > 0;"
            ),
            Edit(
                "web/sdk/src/worker/epoch_keys.ts",
                "      if (keys.expiresAt > now) continue;",
                "      if (keys.expiresAt > 0) continue;",
            ),
        ),
        ("tests/browser/test_tampered_frames.py::test_a_frame_of_an_epoch_that_has_passed_is_never_shown",),
        Cost.SLOW,
    ),
    Change(
        "a-gap-ends-the-picture",
        "one frame that the operator holds back would cost all that follow",
        (
            Edit(
                REPLAY,
                "    if (this.has(counter)) return false;",
                "    if (this.has(counter) || (this.highest >= 0 && counter > this.highest + 1)) return false;",
            ),
        ),
        (
            f"{LYING_BY_SEED}::shows nothing wrong and loses nothing that it hands on within the second, whatever else it does",
            "tests/browser/test_tampered_frames.py::test_key_frames_that_are_held_back_cost_the_picture_and_nothing_else",
        ),
        Cost.SLOW,
    ),
    Change(
        "slot-bound-meanwhile",
        "a picture that was being opened while its slot was bound anew would be shown under the new name",
        (Edit(OPENER, 'if (this.sender(id) !== user) return { is: "stale" };', ""),),
        (f"{SEALING_TESTS}::a frame that is being opened while its slot is bound to somebody else",),
    ),
    Change(
        "a-silent-member",
        "somebody could be let in without the others' being told",
        (
            Edit(
                SPEECH,
                "            joined=tuple(entry.member for entry in joined),",
                "            joined=(),",
            ),
        ),
        ("customer/tests/authority/test_room.py::test_a_join_steps_and_only_the_newcomer_is_sent_a_secret",),
    ),
    Change(
        "a-roster-with-another-key-for-us",
        "a member would take a roster on which somebody else's key stands for it",
        (
            Edit(
                MEMBERSHIP,
                "if (me?.user !== this.subject.userId || me.key !== standing.key)",
                "if (me?.user !== this.subject.userId)",
            ),
        ),
        (
            "web/sdk/tests/membership.test.ts::a roster without us, with another key for us, or with one place twice",
        ),
    ),
)
