"""One browser for all tests of pages."""

import os

import pytest
from browser import Browser


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture
def browser(one_browser):
    """The browser; afterwards the page must have had no error, and have asked for nothing but itself."""
    yield one_browser
    assert not one_browser.problems
    assert [url for url in one_browser.asked if not url.startswith(("file:", "data:"))] == []


@pytest.fixture
def photograph(browser, tmp_path):
    """Writes a screenshot, into NPSLIM_SCREENSHOTS if that folder is named, to be looked at."""
    folder = os.environ.get("NPSLIM_SCREENSHOTS")

    def write(name):
        path = (tmp_path if folder is None else tmp_path.__class__(folder)) / f"{name}.png"
        browser.photograph(path)
        assert path.stat().st_size > 10_000
        return path

    return write
