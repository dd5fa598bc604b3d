# SPDX-License-Identifier: Apache-2.0
"""Errors towards the operator, at start and on the command line. Errors towards clients are `sealroom_wire.errors`."""


class OperatorError(Exception):
    """Something the operator has to mend: a sentence that says what is wrong, an action that says what to do."""

    def __init__(self, code: str, sentence: str, action: str) -> None:
        super().__init__(f"{sentence} {action}")
        self.code = code
        self.sentence = sentence
        self.action = action


class ConfigurationError(OperatorError):
    """A setting that cannot be used."""


class StartError(OperatorError):
    """The process cannot start: a port is taken, a file cannot be written, the media engine is missing."""


class ChangeError(OperatorError):
    """Something that was asked for and cannot be done as things stand. Nothing was changed."""


class MissingError(ChangeError):
    """What it was asked of does not exist."""


class ConflictError(ChangeError):
    """Somebody else changed it since it was read."""


class NotAllowedError(ChangeError):
    """A rule speaks against it, or a value does not fit."""
