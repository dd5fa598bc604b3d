# SPDX-License-Identifier: Apache-2.0
"""What a developer is told when a service cannot be had."""


class ServiceError(Exception):
    """A service that cannot be installed or does not start: a sentence, what to do, and the server's last words if it had any."""

    def __init__(self, sentence: str, action: str, output: str = "") -> None:
        super().__init__(f"{sentence} {action}" + (f"\n{output}" if output else ""))
        self.sentence = sentence
        self.action = action
