# SPDX-License-Identifier: Apache-2.0
"""RFC 9162's tree: known roots, and every proof of every small tree, right and wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealroom.audit.tree import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    Range,
    check_consistency,
    check_inclusion,
    consistency_ranges,
    fold,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    subtrees,
)

# The tree that implementations of Certificate Transparency are tested with.
ENTRIES = [
    bytes.fromhex(one)
    for one in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(bytes([number])) for number in range(40)]


def mth(leaves: list[bytes]) -> bytes:
    """Section 2.1.1, word for word."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(mth(leaves[:split]), mth(leaves[split:]))


def hash_of(leaves: Range) -> bytes:
    """The hash over a range, by way of complete subtrees."""
    return fold([mth(LEAVES[place << height : (place + 1) << height]) for height, place in subtrees(leaves)])


def test_known_roots() -> None:
    frontier = Frontier()
    assert frontier.root() == EMPTY_ROOT
    for entry, root in zip(ENTRIES, ROOTS, strict=True):
        frontier.append(leaf_hash(entry))
        assert frontier.root().hex() == root
        assert Frontier(frontier.size, frontier.hashes).root() == frontier.root()


@pytest.mark.parametrize(("size", "count"), [(3, 1), (0, 1), (4, 2)])
def test_a_frontier_of_another_size_is_refused(size: int, count: int) -> None:
    with pytest.raises(ValueError, match="size"):
        Frontier(size, LEAVES[:count])


def test_what_is_completed_is_told_once_and_is_right() -> None:
    frontier, told = Frontier(), dict[tuple[int, int], bytes]()
    for leaf in LEAVES:
        for height, place, value in frontier.append(leaf):
            assert told.setdefault((height, place), value) == mth(
                LEAVES[place << height : (place + 1) << height]
            )
    assert len(told) == 40 + 20 + 10 + 5 + 2 + 1


@given(st.integers(1, 40).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_inclusion_is_proved_and_nothing_else(case: tuple[int, int]) -> None:
    leaf, size = case
    root, proof = mth(LEAVES[:size]), [hash_of(one) for one in inclusion_ranges(leaf, size)]
    check_inclusion(leaf, size, LEAVES[leaf], proof, root)
    wrong = [
        (leaf, size, LEAVES[(leaf + 1) % 40], proof, root),
        (leaf, size, LEAVES[leaf], proof, LEAVES[0] if root != LEAVES[0] else LEAVES[1]),
        (leaf, size, LEAVES[leaf], [*proof, root], root),
        (leaf, size, LEAVES[leaf], proof[:-1], b"" if not proof else root),
        (leaf + size, size, LEAVES[leaf], proof, root),
        *(
            (leaf, size, LEAVES[leaf], [*proof[:at], EMPTY_ROOT, *proof[at + 1 :]], root)
            for at in range(len(proof))
        ),
    ]
    for one in wrong:
        with pytest.raises(ProofError):
            check_inclusion(*one)


@given(st.integers(1, 40).flatmap(lambda new: st.tuples(st.integers(1, new), st.just(new))))
def test_growth_is_proved_and_nothing_else(case: tuple[int, int]) -> None:
    old, new = case
    before, after = mth(LEAVES[:old]), mth(LEAVES[:new])
    proof = [] if old == new else [hash_of(one) for one in consistency_ranges(old, new)]
    check_consistency(old, new, before, after, proof)
    wrong = [
        (old, new, EMPTY_ROOT, after, proof),
        (old, new, before, EMPTY_ROOT, proof),
        (old, new, before, after, [*proof, after]),
        (new + 1, new, before, after, proof),
        *((old, new, before, after, [*proof[:at], EMPTY_ROOT, *proof[at + 1 :]]) for at in range(len(proof))),
    ]
    for one in wrong:
        with pytest.raises(ProofError):
            check_consistency(*one)


def test_an_empty_string_is_no_hash() -> None:
    with pytest.raises(ProofError):
        check_inclusion(0, 1, b"", [], b"")
