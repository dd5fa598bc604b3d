# SPDX-License-Identifier: Apache-2.0
"""`sealroom catalogue`: what is kept of whom."""

from typing import Annotated

from cyclopts import App, Parameter

from sealroom.catalogue.export import Format

app = App(name="catalogue", help="What is kept of whom, why, for how long, and where.")


@app.command(name="export")
def catalogue_export(
    *, format: Annotated[Format, Parameter(help="For a browser, for machines, for a document.")] = "md"
) -> None:
    """Print the record of processing activities (GDPR article 30), made from the program's own declarations."""
    from sealroom.app import catalogue
    from sealroom.catalogue.export import export

    print(export(catalogue(), format), end="")
