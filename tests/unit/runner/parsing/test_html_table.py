"""Tests of HTML tables: rows, missing parts and truncated pages."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tipoff_scraper_runner.errors import Blocked, SourceChanged, Undecodable
from tipoff_scraper_runner.parsing.html_table import read_table
from tipoff_scraper_runner.parsing.payloads import block_mark
from tipoff_scraper_runner.testing import BLOCK_PAGE

PAGE = """<html><body><table class="menu"><tr><td>home</td></tr></table>
<table class="wide levels" data-date="2025-01-15"><thead><tr><th>Place</th><th>Level,
 metres</th></tr></thead><tr><td> <b>Saint</b> &amp; Sons </td><td>1.5</td></tr>
<tr><td>Eden <table><tr><td>within</td></tr></table></td><td>2</tr></table></body></html>"""


def test_headings_rows_and_attributes_are_read_as_displayed() -> None:
    table = read_table(PAGE.encode(), class_="levels")
    assert table.heads == ("Place", "Level, metres")
    assert table.rows == (("Saint & Sons", "1.5"), ("Eden within", "2"))
    assert table.attribute("data-date") == "2025-01-15"
    table.require("Place", "Level, metres")


def test_lines_of_cell_are_separated_by_blank() -> None:
    """Two numbers on separate lines are not one number."""
    page = b"<table><tr><td>12<br>13</td><td><p>a</p><p>b</p></td><td>1<table><tr><td>2<td>3</table></td></tr></table>"
    assert read_table(page).rows == (("12 13", "a b", "1 2 3"),)


def test_table_is_selected_by_any_attribute() -> None:
    assert read_table(PAGE.encode(), class_="menu").rows == (("home",),)
    assert read_table(b"<table id=x></table>", id="x").rows == ()


def test_a_row_of_very_many_cells_is_read_whole() -> None:
    (row,) = read_table(b"<table><tr>" + b"<td>1" * 150_000 + b"</table>").rows
    assert len(row) == 150_000


def test_missing_table_attribute_or_column_is_named() -> None:
    with pytest.raises(SourceChanged, match=r"no table class=tides; it begins .*<html>"):
        read_table(PAGE.encode(), class_="tides")
    table = read_table(PAGE.encode(), class_="levels")
    with pytest.raises(SourceChanged, match="no attribute id"):
        table.attribute("id")
    with pytest.raises(SourceChanged, match="has the columns"):
        table.require("Level, metres", "Place")


def test_page_with_invalid_utf8_is_undecodable() -> None:
    with pytest.raises(Undecodable, match=r"not UTF-8: .* at byte 0"):
        read_table(b"\xff\xfe", class_="levels")


BROKEN = {
    "section": "<![foo",
    "closed section": "<![foo [ x ]]>",
    "section without a name": "<![>",
    "long number": "&#" + "9" * 5000 + ";",
}
PIECES = "<table>|<table class=x>|</table>|<tr>|<td>|<td |</td>|<script>|</|<|>|<!|<!--|-->|<![CDATA[|]]>|<![endif]-->"
MARKUP = [*BROKEN.values(), *PIECES.split("|"), "<?", "&", '"', "text", "Access Denied", "\x00", "\n"]


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_unreadable_markup_is_undecodable_unless_after_table(broken: str) -> None:
    with pytest.raises(Undecodable, match=r"markup at or after line \d+ that cannot be read"):
        read_table(PAGE.replace("Eden", broken).encode(), class_="levels")
    after = PAGE.replace("</body>", broken)
    assert read_table(after.encode(), class_="levels") == read_table(PAGE.encode(), class_="levels")


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_block_page_with_unreadable_markup_is_blocked(broken: str) -> None:
    page = f"<!doctype html><h1>Access Denied</h1><p>{broken}"
    with pytest.raises(Blocked, match="access denied"):
        read_table(page.encode(), class_="levels")


@given(st.lists(st.sampled_from(MARKUP)).map("".join))
def test_any_markup_is_read_or_named(page: str) -> None:
    block_mark(page.encode())
    with contextlib.suppress(Blocked, SourceChanged, Undecodable):
        read_table(page.encode(), class_="x")


@given(st.integers(0, len(PAGE)))
def test_truncated_page_is_never_read_as_partial_table(length: int) -> None:
    try:
        table = read_table(PAGE[:length].encode(), class_="levels")
    except (SourceChanged, Undecodable):
        return
    assert table == read_table(PAGE.encode(), class_="levels")


@pytest.mark.parametrize(
    ("page", "mark"),
    [
        (BLOCK_PAGE, "access denied"),
        (b"<html><head><title>Just a moment...</title><script>x</script></head></html>", "just a moment"),
        (b"<html><title>Attention\nRequired! | Cloudflare</title></html>", "attention required"),
        (b"<html><body><h1>Request&nbsp;blocked.</h1></body></html>", "request blocked"),
        (b"<p>Access <b>Denied</b> \xe9</p>", "access denied"),
        (b"<html><script>window._cf_chl_opt = {}</script></html>", "_cf_chl_opt"),
        (b"<html><div id='px-captcha'></div></html>", "px-captcha"),
        (b"<title>Log in\n- Levels</title><input name=p type=Password>", "Log in - Levels"),
        (b"<html><title>Sign in</title><form><input type='password'/></form></html>", "Sign in"),
    ],
)
def test_block_page_instead_of_table_is_blocked(page: bytes, mark: str) -> None:
    """Such a page was reported as a changed source, although the parser was correct."""
    with pytest.raises(Blocked, match=f"a block page instead of the table: it contains '{mark}'"):
        read_table(page, class_="levels")


def test_table_is_read_despite_block_words_on_page() -> None:
    page = PAGE.replace(
        "<body>", "<body><h1>Access denied, just a moment: captcha</h1><script>_cf_chl_opt</script>"
    )
    assert read_table(page.encode(), class_="levels").heads == ("Place", "Level, metres")


@pytest.mark.parametrize(
    "page",
    [
        "<html>Please sign in</html>",
        "<html><title>Sign in to save levels</title><a href=/login>Log in</a></html>",
        "<html><title>Levels</title><form>Log in<input type=password></form></html>",
        "<html><title>Log in</title><input type=text><input type><p>type=password</p></html>",
        "<html><script>loadCaptcha()</script><h1>Levels</h1></html>",
        "<html><h1>Levels</h1>" + "<p>fine weather</p>" * 50 + "<footer>no captcha here</footer></html>",
    ],
)
def test_changed_page_with_block_word_is_a_changed_source(page: str) -> None:
    with pytest.raises(SourceChanged, match="no table class=levels"):
        read_table(page.encode(), class_="levels")
