# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree of RFC 9162 section 2.1, without storage: what to hash, and which ranges a proof consists of."""

import hashlib
from collections.abc import Iterable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
Range = tuple[int, int]
"""Leaves from the first number up to, not including, the second."""


class ProofError(Exception):
    """A proof that does not prove what it is given for."""


def leaf_hash(entry: bytes) -> bytes:
    """Section 2.1.1."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Section 2.1.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The least that has to be kept to append leaves and to tell the root: one hash for each bit of the size."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """`hashes` are the complete subtrees from left to right. Raises ValueError when they do not fit the size."""
        if len(hashes) != size.bit_count() or any(len(one) != HASH_BYTES for one in hashes):
            raise ValueError("these hashes are not of a tree of that size")
        self.size = size
        self.hashes = list(hashes)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Adds a leaf's hash; returns the subtrees that it completed, as (height, place at that height, hash), height 0 first."""
        made = [(0, self.size, leaf)]
        at, height = self.size, 0
        while at & 1:
            leaf = node_hash(self.hashes.pop(), leaf)
            at, height = at >> 1, height + 1
            made.append((height, at, leaf))
        self.hashes.append(leaf)
        self.size += 1
        return made

    def root(self) -> bytes:
        """The tree's hash."""
        return fold(self.hashes) if self.hashes else EMPTY_ROOT


def fold(subtrees: Sequence[bytes]) -> bytes:
    """The hash over complete subtrees that stand side by side, larger ones first."""
    result = subtrees[-1]
    for one in reversed(subtrees[:-1]):
        result = node_hash(one, result)
    return result


def subtrees(leaves: Range) -> list[tuple[int, int]]:
    """The complete subtrees, as (height, place at that height), that a range of a proof is made of, from left to right."""
    start, end = leaves
    found = []
    while start < end:
        height = (end - start).bit_length() - 1
        if start:
            height = min(height, (start & -start).bit_length() - 1)
        found.append((height, start >> height))
        start += 1 << height
    return found


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def inclusion_ranges(leaf: int, size: int) -> list[Range]:
    """The ranges whose hashes prove that a leaf is in the tree of that size (section 2.1.3.1). Raises ValueError when it cannot be."""
    if not 0 <= leaf < size:
        raise ValueError("there is no such leaf")
    found: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if leaf < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    return found[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The ranges whose hashes prove that a tree grew out of a smaller one (section 2.1.4.1). Raises ValueError for other sizes."""
    if not 0 < old <= new:
        raise ValueError("a proof leads from a smaller tree that is not empty to a larger one")
    found: list[Range] = []
    start, end, whole = 0, new, True
    while old < end:
        middle = start + _split(end - start)
        if old <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start, whole = middle, False
    if not whole:
        found.append((start, end))
    return found[::-1]


def check_inclusion(leaf: int, size: int, leaf_hashed: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Section 2.1.3.2. Raises ProofError."""
    _check_lengths((leaf_hashed, root, *proof))
    if not 0 <= leaf < size:
        raise ProofError("there is no such leaf")
    place, last, result = leaf, size - 1, leaf_hashed
    for one in proof:
        if last == 0:
            raise ProofError("the proof is too long")
        if place & 1 or place == last:
            result = node_hash(one, result)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            result = node_hash(result, one)
        place, last = place >> 1, last >> 1
    if last or result != root:
        raise ProofError("the proof leads to another root")


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Section 2.1.4.2. Raises ProofError."""
    _check_lengths((old_root, new_root, *proof))
    if not 0 < old <= new:
        raise ProofError("these sizes are not of a tree that grew")
    if old == new:
        if proof or old_root != new_root:
            raise ProofError("two trees of one size differ")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise ProofError("the proof is empty")
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = path[0]
    for one in path[1:]:
        if last == 0:
            raise ProofError("the proof is too long")
        if place & 1 or place == last:
            before, after = node_hash(one, before), node_hash(one, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, one)
        place, last = place >> 1, last >> 1
    if last or before != old_root or after != new_root:
        raise ProofError("the proof leads to other roots")


def _check_lengths(hashes: Iterable[bytes]) -> None:
    # An empty string would pass for the hash of an empty leaf in a tree of one.
    if any(len(one) != HASH_BYTES for one in hashes):
        raise ProofError("a hash is of another length")
