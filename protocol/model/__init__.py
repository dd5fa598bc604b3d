# SPDX-License-Identifier: Apache-2.0
"""An independent model of the sealing protocol: a few dozen lines to compare the real implementations with."""
