# SPDX-License-Identifier: Apache-2.0
"""What was recorded, read as the API answers it. Nothing here writes; every number is made from documents, none is made up."""
