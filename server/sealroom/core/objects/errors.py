# SPDX-License-Identifier: Apache-2.0
"""How the object store says no."""


class ObjectsError(Exception):
    """The store did not do it. `code` is stable."""

    code = "objects_failed"

    def __init__(self, sentence: str) -> None:
        super().__init__(f"{self.code}: {sentence}")


class ObjectMissing(ObjectsError):  # noqa: N818 - what it is
    """There is no object of that name."""

    code = "object_missing"


class ObjectExists(ObjectsError):  # noqa: N818 - what it is
    """There is one already, and it was not to be replaced. It is as it was."""

    code = "object_exists"


class ObjectDamaged(ObjectsError):  # noqa: N818 - what it is
    """What is there is not what was put: its digest is another one, or gone."""

    code = "object_damaged"


class ObjectTooLarge(ObjectsError):  # noqa: N818 - what it is
    """Longer than what is read or created in one piece. Read it in parts, or put it under a name of its own."""

    code = "object_too_large"


class ObjectsUnavailable(ObjectsError):  # noqa: N818 - what it is
    """The store is not reached, lets us not in, or is full. What was put may be there all the same, whole."""

    code = "objects_unavailable"
