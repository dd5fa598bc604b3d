# SPDX-License-Identifier: Apache-2.0
"""Errors towards the person who runs the customer's side. Errors towards devices are `sealroom_wire.errors`."""


class CustomerError(Exception):
    """Something the person who runs this has to mend: a stable code, a sentence that says what is wrong, what to do next."""

    def __init__(self, code: str, sentence: str, action: str) -> None:
        super().__init__(f"{sentence} {action}")
        self.code = code
        self.sentence = sentence
        self.action = action


class ConfigurationError(CustomerError):
    """A setting that cannot be used."""


class StartError(CustomerError):
    """The process cannot start: a port is taken, a file cannot be read, a build is missing."""
