"""Debian's Chromium for Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Page

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str:
    """Where Chromium is. Skips the test where there is none; CI requires it."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        message = "no Chromium here; get it with: apt-get install chromium"
        if os.environ.get("BROWSER_TESTS") == "required":
            pytest.fail(message)
        pytest.skip(message)
    return found


AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
RUN_AXE = """async (rules) => {
  const result = await axe.run(rules ? {runOnly: rules} : {});
  const told = {};
  for (const kind of ["violations", "incomplete"])
    for (const item of result[kind])
      told[`${kind} ${item.id}`] = item.nodes.slice(0, 3).map((node) => node.html.slice(0, 200));
  return told;
}"""
"""What is wrong with a page, and what axe cannot tell, by rule."""
CROSSWISE = [("light", 1440), ("dark", 360)]
"""Each colour scheme and each width once."""
LOOKS = [*CROSSWISE, ("light", 360), ("dark", 1440)]
OF_BOTH = ["color-contrast", "link-in-text-block", "target-size"]
"""Rules that a page may keep in each scheme and in each width, and break where the two meet."""


def faults_of(page: Page, looks: Sequence[tuple[str, int]] = LOOKS) -> dict[str, object]:
    """What keeps somebody out of an open page in each look; its context bypasses the CSP.

    axe is put into the page as a script, which the console's own policy rightly refuses.
    """
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, object] = {}
    for scheme, width in looks:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        rules = None if (scheme, width) in CROSSWISE else OF_BOTH
        for kind, nodes in page.evaluate(RUN_AXE, rules).items():
            found[f"{page.url} {scheme} {width} {kind}"] = nodes
        across = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if across > 0:
            found[f"{page.url} {scheme} {width} is too wide"] = across
    return found
