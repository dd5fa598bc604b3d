# SPDX-License-Identifier: Apache-2.0
"""A demo customer: signs for whoever asks on its own page, is the authority, serves the call page. Not for production."""
