# SPDX-License-Identifier: Apache-2.0
"""Whole files of the operator's own: evidence, exports. In a folder here, in S3 where it grows. **Never media**: that goes to customers' buckets."""

from sealroom.core.objects.errors import (
    ObjectDamaged,
    ObjectExists,
    ObjectMissing,
    ObjectsError,
    ObjectsUnavailable,
    ObjectTooLarge,
)
from sealroom.core.objects.kind import ObjectKind
from sealroom.core.objects.local import LocalObjects
from sealroom.core.objects.port import Content, Listed, Objects, Stored

__all__ = [
    "Content",
    "Listed",
    "LocalObjects",
    "ObjectDamaged",
    "ObjectExists",
    "ObjectKind",
    "ObjectMissing",
    "ObjectTooLarge",
    "Objects",
    "ObjectsError",
    "ObjectsUnavailable",
    "Stored",
]
