# SPDX-License-Identifier: Apache-2.0
"""The servers of one site: which there are, what each is called, and that they tell each other what changed. Never a user's id."""
