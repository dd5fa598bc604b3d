# SPDX-License-Identifier: Apache-2.0
"""What was changed, by whom, in a log that shows when it was tampered with. It must never hold what cannot be erased."""
