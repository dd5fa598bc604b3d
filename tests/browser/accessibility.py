# SPDX-License-Identifier: Apache-2.0
"""The rules of accessibility, as axe-core knows them."""

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


def violations(page: Page) -> list[list[str]]:
    """Broken rules of WCAG 2.2 A and AA, each with where."""
    page.evaluate(AXE.read_text())
    found: list[list[str]] = page.evaluate(
        """async () => {
          const runOnly = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
          const { violations } = await axe.run(document, { runOnly });
          return violations.map(({ id, help, nodes }) => [id, help, ...nodes.map(({ html }) => html.slice(0, 120))]);
        }"""
    )
    return found
