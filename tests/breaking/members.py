# SPDX-License-Identifier: Apache-2.0
"""What would help a removed member, or a newcomer who recorded what was before him."""

from tests.breaking.change import Change, Cost, Edit

MEMBERSHIP = "customer/sealroom_customer/client/membership.py"
ROOM = "customer/sealroom_customer/authority/room.py"

TEST_HINTS = "customer/tests/authority/test_hints.py"
TEST_STORMS = "customer/tests/authority/test_storms.py"
TEST_MEMBERS = "tests/hostile/test_removed_member.py"

FROM_THE_OLD = Edit(
    ROOM,
    "        self._secret = self._scope.first(self._epoch, self._entropy(self._scope.secret_bytes))",
    "        self._secret = self._scope.first(self._epoch, self._entropy(self._scope.secret_bytes)) "
    "if self._epoch == 1 else self._scope.after(self._secret)",
)
"""A new epoch's secret that follows from the one before."""
NO_STEP = Edit(
    ROOM,
    "        self._step += 1\n        self._secret = self._scope.after(self._secret)\n        here = list(self._roster)\n"
    "        joined = self._let_in(now)\n        self._change(now, here, joined, {})\n        self._welcome(joined)",
    "        self._welcome(self._let_in(now))",
)
"""A newcomer is let in without a step."""

CHANGES = (
    Change(
        "epochs-that-follow-from-each-other",
        "who was put out could derive what came after him",
        (FROM_THE_OLD,),
        (f"{TEST_STORMS}::test_a_seeded_storm_of_sixty_events_leaves_everyone_agreed[3]",),
    ),
    Change(
        "joins-without-a-step",
        "a newcomer would be sent the secret of what was before him",
        (NO_STEP,),
        (f"{TEST_STORMS}::test_a_newcomer_is_sent_nothing_of_before_and_a_leaver_nothing_of_after",),
    ),
    Change(
        "epochs-that-follow-in-a-call",
        "who was put out, or whose grant ran out, would go on listening",
        (FROM_THE_OLD,),
        (
            f"{TEST_MEMBERS}::test_who_was_removed_opens_nothing_from_a_second_after_it_on",
            f"{TEST_MEMBERS}::test_whose_grant_ran_out_opens_nothing_from_a_second_after_it_on",
        ),
        Cost.SLOW,
    ),
    Change(
        "the-old-epoch-once-more",
        "a member that comes back would seal with an epoch that somebody removed has",
        (
            Edit(
                MEMBERSHIP,
                "            0 if at_once or missed else NEW_EPOCH_MS,",
                "            0 if at_once else NEW_EPOCH_MS,",
            ),
        ),
        (f"{TEST_MEMBERS}::test_an_operator_who_keeps_the_removal_from_the_others_gains_max_key_silence",),
        Cost.SLOW,
    ),
    Change(
        "joins-without-a-step-in-a-call",
        "a newcomer would open what he recorded before",
        (NO_STEP,),
        (f"{TEST_MEMBERS}::test_a_newcomer_opens_nothing_of_what_was_before_him",),
        Cost.SLOW,
    ),
    Change(
        "the-operators-word-on-who-is-here",
        "whoever has the webhooks' key would change the keys of a room in which nobody left",
        (
            Edit(
                ROOM,
                "if user in (None, entry.member.user) and self._may_be_gone(entry)",
                "if user in (None, entry.member.user)",
            ),
        ),
        (f"{TEST_HINTS}::test_whose_line_is_open_is_a_member_whatever_the_operator_says",),
    ),
)
