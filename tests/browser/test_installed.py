"""A wheel that is installed elsewhere has all that the dashboard shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import PATIENCE, ROOT, serving, settled

BUILT_OF = ("nmtr", "dashboard", "assets", "setup.py", "pyproject.toml", "requirements.txt", "README.md")
STYLE = "() => getComputedStyle(document.querySelector('.stApp')).fontVariantNumeric"
THEME = "() => getComputedStyle(document.documentElement).fontSize"
LOGO = "() => document.querySelector('[data-testid=stHeaderLogo], [data-testid=stLogo]').naturalWidth"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's files, without the packages that it needs."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"  # a copy: what building leaves in it gets neither into the repository nor into a wheel
    source.mkdir()
    for name in BUILT_OF:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", *options, "--wheel-dir", str(place), str(source)], check=True)
    [wheel] = place.glob("*.whl")
    subprocess.run([*pip, "install", *options, "--target", str(place / "installed"), str(wheel)], check=True)
    shutil.rmtree(source)
    return place / "installed"


def test_installed_wheel_shows_style_logo_theme_and_demo(browser: Browser, installed: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(installed / "bin" / "nmtr"), "dashboard", "--port={port}"]
    with serving(tmp_path / "home", tmp_path / "log.txt", command, packages=installed, cwd=tmp_path) as address:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{address}/cascade?data=demo")
        page.wait_for_selector(".st-key-waterfall .js-plotly-plot")
        settled(page)
        assert page.evaluate(STYLE) == "tabular-nums"
        assert page.evaluate(THEME) == "15px"
        assert page.evaluate(LOGO) > 0
        page.close()


def test_installed_wheel_uses_nothing_of_the_repository(installed: Path, tmp_path: Path) -> None:
    program = "import nmtr, dashboard, nmtr.shipped as s; print(nmtr.__file__, dashboard.__file__, s.ASSETS, sep='\\n')"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert [Path(line).is_relative_to(installed) for line in said.stdout.splitlines()] == [True] * 3
