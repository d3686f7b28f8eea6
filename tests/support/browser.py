"""Debian's Chromium for Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Container, Sequence
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
    # A page lives for a second; optimizing its scripts costs more than it saves.
    "--js-flags=--no-opt",
)


def find_chromium() -> str:
    """Return the path of Chromium. Skips the test where it is not installed; CI requires it."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        message = "no Chromium here; get it with: apt-get install chromium"
        if os.environ.get("BROWSER_TESTS") == "required":
            pytest.fail(message)
        pytest.skip(message)
    return found


AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
RUN_AXE = """async (rules) => {
  // What passes is not described, and nothing by a selector, which axe would look for in the whole page.
  const options = {resultTypes: ["violations", "incomplete"], selectors: false};
  // The size of targets is no rule of axe's own choice.
  const all = {rules: {"target-size": {enabled: true}}};
  const result = await axe.run({...options, ...(rules ? {runOnly: rules} : all)});
  const told = {};
  for (const kind of ["violations", "incomplete"])
    for (const item of result[kind])
      told[`${kind} ${item.id}`] = item.nodes.slice(0, 3).map((node) => node.html.slice(0, 200));
  return told;
}"""
"""Runs axe, with checks that axe lacks; returns a page's faults by rule."""
CROSSWISE = [("light", 1440), ("dark", 360)]
"""Each colour scheme and each width once."""
LOOKS = [*CROSSWISE, ("light", 360), ("dark", 1440)]
OF_BOTH = ["color-contrast", "link-in-text-block"]
"""Rules that a page may pass in each scheme and in each width alone, and fail in a combination. All others depend on
the width alone, as a scheme sets nothing but colors."""


def faults_of(
    page: Page, looks: Sequence[tuple[str, int]] = LOOKS, all_rules_in: Container[tuple[str, int]] = CROSSWISE
) -> dict[str, object]:
    """Return the accessibility faults of an open page in each look; its context bypasses the CSP.

    all_rules_in: looks in which every rule is checked; in others only those of OF_BOTH. axe is added to the page as a
    script, which the console's own policy rightly refuses.
    """
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, object] = {}
    for scheme, width in looks:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        rules = None if (scheme, width) in all_rules_in else OF_BOTH
        for kind, nodes in page.evaluate(RUN_AXE, rules).items():
            found[f"{page.url} {scheme} {width} {kind}"] = nodes
        across = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if across > 0:
            found[f"{page.url} {scheme} {width} is too wide"] = across
    return found
