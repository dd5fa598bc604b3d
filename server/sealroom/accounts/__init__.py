# SPDX-License-Identifier: Apache-2.0
"""Customers: their accounts (UIN), and the key pairs with which their programs call the API. Shows a secret key once, when it is made."""
