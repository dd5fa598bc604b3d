# SPDX-License-Identifier: Apache-2.0
"""docs/operate/observing.md names what there is."""

import re

from sealroom.doctor import EXAMINATIONS
from tools.metrics_table import PAGE, table, with_table


def test_the_table_of_metrics_is_what_a_server_shows(scraped: str) -> None:
    page = PAGE.read_text()
    assert page == with_table(page, table(scraped)), "pipe a scrape into `python -m tools.metrics_table`"


def test_every_examination_of_the_doctor_is_described() -> None:
    _, _, part = PAGE.read_text().partition("| examination |")
    rows = re.findall(r"(?m)^\| ([a-z, ]+) \|", part)
    assert {name.strip() for row in rows for name in row.split(",")} == set(EXAMINATIONS)
