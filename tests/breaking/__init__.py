# SPDX-License-Identifier: Apache-2.0
"""For each hostile test a change of code that makes it fail: `table` names them, `run` makes each in a copy and demands the failure.

Nothing here changes the tree that it stands in.
"""
