# SPDX-License-Identifier: Apache-2.0
"""What every store of records does. Its own test module derives from `Contract` and gives the fixture `records`, prepared and empty."""

import asyncio
import math
from collections.abc import Sequence
from typing import TypeVar

import pytest

from sealroom.catalogue import Document, Undeclared
from sealroom.core.records import (
    Aggregation,
    Between,
    Condition,
    CursorInvalid,
    DocumentsRefused,
    Equals,
    Histogram,
    Measure,
    Missing,
    OneOf,
    Query,
    Records,
    Terms,
    Words,
)
from server.tests.core.records.samples import DAY, MORNING, Direction, Note, Sample, note, sample

D = TypeVar("D", bound=Document)
EVER = (0, MORNING + 10_000 * DAY)


def samples_where(*where: Condition, since: int = EVER[0], until: int = EVER[1]) -> Query[Sample]:
    return Query(Sample, since, until, where)


def notes_where(*where: Condition) -> Query[Note]:
    return Query(Note, *EVER, where)


async def ids(records: Records, query: Query[D], *, newest_first: bool = False) -> list[str]:
    """Ids of everything that is found, taken page by page."""
    found: list[str] = []
    cursor = None
    while True:
        page = await records.search(query, limit=7, cursor=cursor, newest_first=newest_first)
        found += [document.id for document in page.documents]
        cursor = page.cursor
        if cursor is None:
            return found


class Contract:
    """The suite."""

    async def test_what_is_written_is_found_as_it_was(self, records: Records) -> None:
        full = sample(
            1, user_id="Zoë 🦊", direction=Direction.DOWN, bit_rate=2**53 + 1, loss=0.25, frozen=True,
            codecs=("vp8", "opus"), layers=(0, 2),
        )  # fmt: skip
        await records.write([full, sample(2), note(1, "a line\nwith 'quotes' and \\"), note(2)], wait=True)
        found = await records.search(samples_where(), limit=10)
        assert found.documents == (full, sample(2))
        assert found.cursor is None
        lines = await records.search(notes_where(), limit=10)
        assert lines.documents == (note(1, "a line\nwith 'quotes' and \\"), note(2))

    async def test_nothing_is_found_where_nothing_is(self, records: Records) -> None:
        assert await records.search(samples_where(), limit=10) == await records.search(
            samples_where(), limit=1
        )
        assert await records.count(samples_where()) == 0
        assert await records.delete(samples_where()) == 0
        assert await records.expire(Sample, MORNING) == 0
        assert await records.aggregate(samples_where(), Aggregation((Terms("call"),))) == ()

    async def test_a_document_written_twice_is_there_once_as_it_was_last(self, records: Records) -> None:
        await records.write([sample(1, bit_rate=1), sample(1, bit_rate=2)], wait=True)
        await records.write([sample(1, bit_rate=3)], wait=True)
        page = await records.search(samples_where(), limit=10)
        assert page.documents == (sample(1, bit_rate=3),)

    async def test_what_was_not_waited_for_is_found_within_two_seconds(self, records: Records) -> None:
        await records.write([sample(1)])
        async with asyncio.timeout(2.5):
            while await records.count(samples_where()) == 0:  # noqa: ASYNC110 - the store gives no sign
                await asyncio.sleep(0.05)

    async def test_a_kind_that_nobody_declared_is_refused(self, records: Records) -> None:
        with pytest.raises(Undeclared):
            await records.write([Document(id="x", time=1)])
        with pytest.raises(Undeclared):
            await records.search(Query(Document, *EVER), limit=1)
        with pytest.raises(Undeclared):
            await records.count(samples_where(Equals("room", "x")))

    async def test_what_cannot_be_kept_is_named_and_the_rest_is_written(self, records: Records) -> None:
        given = [sample(1), sample(2, loss=math.nan), sample(3), sample(4, bit_rate=2**70)]
        with pytest.raises(DocumentsRefused) as caught:
            await records.write(given, wait=True)
        assert set(caught.value.refused) == {1, 3}
        assert await ids(records, samples_where()) == ["s000001", "s000003"]

    async def test_one_callers_unfit_document_is_not_anothers(self, records: Records) -> None:
        answers = await asyncio.gather(
            records.write([sample(1), sample(2, loss=math.inf)], wait=True),
            records.write([sample(3)], wait=True),
            return_exceptions=True,
        )
        assert isinstance(answers[0], DocumentsRefused)
        assert answers[1] is None
        assert await ids(records, samples_where()) == ["s000001", "s000003"]

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (Equals("user_id", "ann"), [1, 3]),
            (Equals("user_id", "ANN"), []),
            (Equals("direction", "down"), [2]),
            (Equals("bit_rate", 200), [2]),
            (Equals("loss", 0.5), [2]),
            (Equals("loss", 0), [1]),
            (Equals("frozen", True), [3]),
            (Equals("codecs", "opus"), [1, 2]),
            (Equals("layers", 2), [3]),
            (OneOf("user_id", ("bob", "ann")), [1, 2, 3]),
            (OneOf("user_id", ()), []),
            (OneOf("bit_rate", (100, 300, 999)), [1, 3]),
            (OneOf("codecs", ("vp8", "h264")), [2, 3]),
            (Between("bit_rate", 100, 200), [1]),
            (Between("bit_rate", 200), [2, 3]),
            (Between("bit_rate", None, 200), [1]),
            (Between("bit_rate"), [1, 2, 3]),
            (Between("loss"), [1, 2]),
            (Between("user_id", "ann", "b"), [1, 3]),
            (Missing("loss"), [3]),
            (Missing("layers"), [1, 2]),
        ],
    )
    async def test_conditions(self, records: Records, condition: Condition, expected: list[int]) -> None:
        await records.write(
            [
                sample(1, user_id="ann", bit_rate=100, loss=0.0, codecs=("opus",)),
                sample(
                    2, user_id="bob", bit_rate=200, loss=0.5, codecs=("vp8", "opus"), direction=Direction.DOWN
                ),
                sample(3, user_id="ann", bit_rate=300, frozen=True, codecs=("h264",), layers=(1, 2)),
            ],
            wait=True,
        )
        wanted = [f"s{number:06}" for number in expected]
        assert await ids(records, samples_where(condition)) == wanted
        assert await records.count(samples_where(condition)) == len(wanted)

    async def test_every_condition_must_apply_and_the_end_is_excluded(self, records: Records) -> None:
        await records.write([sample(number, bit_rate=number % 2) for number in range(10)], wait=True)
        odd = samples_where(
            Equals("bit_rate", 1), Equals("call", "call"), since=MORNING + 3000, until=MORNING + 7000
        )
        assert await ids(records, odd) == ["s000003", "s000005"]

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("camera", [1, 2]),
            ("CAMERA lost", [1]),
            ("lost, camera!", [1]),
            ("cam", []),
            ("café", [3]),
            ("cafe", []),
            ("10 0 0 7", [2]),
            ("example", [4]),
            ("user_name", [4]),
            ('" OR 1', []),
            ("NEAR(", []),
            ("* -", [1, 2, 3, 4]),
        ],
    )
    async def test_words(self, records: Records, words: str, expected: list[int]) -> None:
        await records.write(
            [
                note(1, "The camera was lost."),
                note(2, "camera at 10.0.0.7"),
                note(3, "CAFÉ; title only", title="camera"),
                note(4, "www.example.org user_name"),
                note(5, title="camera"),
            ],
            wait=True,
        )
        assert await ids(records, notes_where(Words("line", words))) == [
            f"n{number:06}" for number in expected
        ]

    async def test_words_of_a_document_that_was_replaced_are_its_new_ones(self, records: Records) -> None:
        await records.write([note(1, "before")], wait=True)
        await records.write([note(1, "after")], wait=True)
        assert await ids(records, notes_where(Words("line", "before"))) == []
        assert await ids(records, notes_where(Words("line", "after"))) == ["n000001"]

    @pytest.mark.parametrize(
        "condition",
        [
            Equals("line", "x"),
            Equals("user_id", 1),
            Words("user_id", "x"),
            OneOf("user_id", (1,)),
            Between("line", "a"),
        ],
    )
    async def test_a_condition_that_makes_no_sense_is_refused(
        self, records: Records, condition: Condition
    ) -> None:
        with pytest.raises(ValueError, match=condition.field):
            await records.count(notes_where(condition))

    @pytest.mark.parametrize("newest_first", [False, True])
    async def test_pages_are_in_the_order_of_time_and_id_whatever_is_written_meanwhile(
        self, records: Records, newest_first: bool
    ) -> None:
        """Many at one time, over two days, and more before, among and behind them while the pages are turned."""
        given = [
            sample(number, id=f"{number * 7 % 30:03}", time=MORNING + number // 10 * DAY)
            for number in range(30)
        ]
        await records.write(given, wait=True)
        wanted = [one.id for one in sorted(given, key=lambda one: (one.time, one.id))]
        found: list[str] = []
        cursor = None
        for turn in range(100):
            page = await records.search(samples_where(), limit=4, cursor=cursor, newest_first=newest_first)
            found += [document.id for document in page.documents]
            cursor = page.cursor
            if cursor is None:
                break
            late = [sample(0, id=f"late-{turn}-{day}", time=MORNING + day * DAY) for day in (-1, 0, 1, 2, 3)]
            await records.write(late, wait=True)
        assert [one for one in found if not one.startswith("late")] == (
            wanted[::-1] if newest_first else wanted
        )
        assert len(set(found)) == len(found)

    async def test_a_cursor_of_another_question_is_refused(self, records: Records) -> None:
        await records.write([sample(number) for number in range(3)], wait=True)
        page = await records.search(samples_where(), limit=1)
        assert page.cursor is not None
        for query, newest_first in (
            (samples_where(Equals("call", "call")), False),
            (samples_where(), True),
            (samples_where(since=1), False),
        ):
            with pytest.raises(CursorInvalid):
                await records.search(query, limit=1, cursor=page.cursor, newest_first=newest_first)
        for made_up in ("", "x", "AAAA", page.cursor[:-2], page.cursor + "é", "A" * 100_000):
            with pytest.raises(CursorInvalid):
                await records.search(samples_where(), limit=1, cursor=made_up)

    @pytest.mark.parametrize("limit", [0, -1, 1001])
    async def test_pages_have_bounds(self, records: Records, limit: int) -> None:
        with pytest.raises(ValueError, match="page"):
            await records.search(samples_where(), limit=limit)

    async def test_terms_are_the_most_frequent_first_and_equal_ones_by_value(self, records: Records) -> None:
        users = ["d", "c", "c", "b", "a", "b", "e", "c"]
        await records.write([sample(n, user_id=user) for n, user in enumerate(users)], wait=True)
        found = await records.aggregate(samples_where(), Aggregation((Terms("user_id", 4),)))
        assert [(one.keys, one.count) for one in found] == [
            (("c",), 3),
            (("b",), 2),
            (("a",), 1),
            (("d",), 1),
        ]

    async def test_terms_of_switches_numbers_and_many_values(self, records: Records) -> None:
        await records.write(
            [
                sample(1, frozen=True, bit_rate=5, codecs=("a", "b")),
                sample(2, bit_rate=7, codecs=("b",)),
                sample(3, bit_rate=7),
            ],
            wait=True,
        )
        switches = await records.aggregate(samples_where(), Aggregation((Terms("frozen"),)))
        assert [(one.keys, one.count) for one in switches] == [((False,), 2), ((True,), 1)]
        assert all(isinstance(one.keys[0], bool) for one in switches)
        numbers = await records.aggregate(samples_where(), Aggregation((Terms("bit_rate"),)))
        assert [(one.keys, one.count) for one in numbers] == [((7,), 2), ((5,), 1)]
        many = await records.aggregate(samples_where(), Aggregation((Terms("codecs"),)))
        assert [(one.keys, one.count) for one in many] == [(("b",), 2), (("a",), 1)]

    async def test_a_histogram_splits_time_and_is_split_again(self, records: Records) -> None:
        given = [sample(n, user_id="ann" if n % 3 else "bob", bit_rate=n) for n in range(10)]
        given.append(sample(30, user_id="ann", bit_rate=30))
        await records.write(given, wait=True)
        found = await records.aggregate(
            samples_where(),
            Aggregation(
                (Histogram(5000), Terms("user_id", 1)),
                (Measure("bit_rate", ("sum", "mean", "least", "most")),),
            ),
        )
        assert [(one.keys, one.count) for one in found] == [
            ((MORNING, "ann"), 3),
            ((MORNING + 5000, "ann"), 3),
            ((MORNING + 30_000, "ann"), 1),
        ]
        assert found[0].numbers == {
            ("bit_rate", "sum"): 7, ("bit_rate", "mean"): 7 / 3, ("bit_rate", "least"): 1, ("bit_rate", "most"): 4,
        }  # fmt: skip

    async def test_terms_split_by_time(self, records: Records) -> None:
        await records.write([sample(n, user_id="ann" if n else "bob") for n in (0, 1, 2, 9)], wait=True)
        found = await records.aggregate(samples_where(), Aggregation((Terms("user_id"), Histogram(2000))))
        assert [(one.keys, one.count) for one in found] == [
            (("ann", MORNING), 1), (("ann", MORNING + 2000), 1), (("ann", MORNING + 8000), 1), (("bob", MORNING), 1),
        ]  # fmt: skip

    async def test_measures_without_a_split(self, records: Records) -> None:
        await records.write(
            [sample(n, user_id=f"u{n % 4}", loss=None if n == 7 else n / 10) for n in range(8)], wait=True
        )
        (found,) = await records.aggregate(
            samples_where(),
            Aggregation(measures=(Measure("loss", ("mean", "most")), Measure("user_id", ("distinct",)))),
        )
        assert found.keys == ()
        assert found.count == 8
        assert found.numbers == {
            ("loss", "mean"): pytest.approx(0.3), ("loss", "most"): 0.6, ("user_id", "distinct"): 4,
        }  # fmt: skip
        (none,) = await records.aggregate(
            samples_where(Equals("user_id", "nobody")),
            Aggregation(measures=(Measure("loss", ("mean",), (50,)),)),
        )
        assert (none.count, none.numbers) == (0, {})

    async def test_what_has_no_value_is_not_measured(self, records: Records) -> None:
        await records.write([sample(1), sample(2, user_id="ann", loss=0.5)], wait=True)
        found = await records.aggregate(
            samples_where(), Aggregation((Terms("user_id"),), (Measure("loss", ("mean", "distinct"), (50,)),))
        )
        assert {one.keys[0]: one.numbers for one in found} == {
            "user": {},
            "ann": {("loss", "mean"): 0.5, ("loss", "distinct"): 1, ("loss", "p50"): 0.5},
        }

    async def test_percentiles_are_within_one_percent_of_the_rank(self, records: Records) -> None:
        """1000 distinct values of a skewed shape, out of order."""
        values = sorted(((n * 389 % 1000) / 1000) ** 3 for n in range(1000))
        await records.write(
            [sample(n, loss=values[n * 7 % 1000], bit_rate=n % 2) for n in range(1000)], wait=True
        )
        percents = (0.0, 1.0, 50.0, 95.0, 99.9, 100.0)
        (found,) = await records.aggregate(
            samples_where(), Aggregation(measures=(Measure("loss", (), percents),))
        )
        for percent in percents:
            value = found.numbers["loss", f"p{percent:g}"]
            rank = sum(one <= value for one in values) / 10
            assert abs(rank - percent) <= 1.0
        split = await records.aggregate(
            samples_where(), Aggregation((Terms("bit_rate"),), (Measure("loss", (), (50,)),))
        )
        assert [one.keys for one in split] == [(0,), (1,)]
        assert all(abs(one.numbers["loss", "p50"] - 0.125) < 0.02 for one in split)

    @pytest.mark.parametrize(
        "aggregation",
        [
            Aggregation((Terms("line"),)),
            Aggregation((Terms("user_id", 0),)),
            Aggregation((Histogram(0),)),
            Aggregation(measures=(Measure("user_id", ("mean",)),)),
            Aggregation(measures=(Measure("time", ("average",)),)),
            Aggregation(measures=(Measure("time", (), (101,)),)),
            Aggregation(measures=(Measure("time", ("sum",)), Measure("time", ("mean",)))),
        ],
    )
    async def test_an_aggregation_that_makes_no_sense_is_refused(
        self, records: Records, aggregation: Aggregation
    ) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            await records.aggregate(notes_where(), aggregation)

    async def test_too_many_buckets_are_refused(self, records: Records) -> None:
        await write_many(records, [sample(n, user_id=f"u{n}") for n in range(10_001)])
        with pytest.raises(ValueError, match="more than 10000"):
            await records.aggregate(samples_where(), Aggregation((Terms("user_id", 20_000),)))
        with pytest.raises(ValueError, match="more than 10000"):
            await records.aggregate(samples_where(), Aggregation((Histogram(1000),)))

    async def test_what_is_deleted_is_found_no_more(self, records: Records) -> None:
        """More than one slice of them, written without waiting."""
        await write_many(records, [sample(n, user_id="ann" if n % 2 else "bob") for n in range(5000)])
        await records.write([note(1, "secret", user_id="ann")])
        assert await records.delete(samples_where(Equals("user_id", "ann"))) == 2500
        assert await records.count(samples_where()) == 2500
        assert await records.delete(notes_where(Words("line", "secret"))) == 1
        assert await records.count(notes_where()) == 0

    async def test_days_that_ended_expire_whole(self, records: Records) -> None:
        given = [sample(n, time=MORNING + n * DAY // 2) for n in range(-4, 4)]
        await records.write([*given, note(1, time=MORNING - 3 * DAY)], wait=True)
        assert await records.expire(Sample, MORNING - 1) == 1
        assert await records.count(samples_where()) == 6
        assert await records.expire(Sample, MORNING + DAY // 2) == 1
        assert [one.time for one in (await records.search(samples_where(), limit=10)).documents] == [
            MORNING, MORNING + DAY // 2, MORNING + DAY, MORNING + 3 * DAY // 2,
        ]  # fmt: skip
        assert await records.expire(Sample, MORNING + DAY // 2) == 0
        assert await records.count(notes_where()) == 1

    async def test_many_who_write_at_once_all_find_theirs(self, records: Records) -> None:
        await asyncio.gather(*(records.write([sample(n)], wait=n == 199) for n in range(200)))
        await records.write([sample(200)], wait=True)
        assert await records.count(samples_where()) == 201

    async def test_preparing_again_is_harmless_and_it_works(self, records: Records) -> None:
        await records.write([sample(1)], wait=True)
        await records.prepare()
        assert await records.works()
        assert await records.count(samples_where()) == 1

    async def test_writing_nothing_is_harmless(self, records: Records) -> None:
        await records.write([], wait=True)


async def write_many(records: Records, documents: Sequence[Document]) -> None:
    """In bulks, found when it returns."""
    bulks = [documents[at : at + 2000] for at in range(0, len(documents), 2000)]
    for place, bulk in enumerate(bulks):
        await records.write(bulk, wait=place == len(bulks) - 1)
