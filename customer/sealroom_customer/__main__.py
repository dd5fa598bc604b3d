# SPDX-License-Identifier: Apache-2.0
"""`python -m sealroom_customer`."""

from sealroom_customer.cli import main

if __name__ == "__main__":
    main()
