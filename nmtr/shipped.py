"""Where the files are that come with the program: logo, style, demo."""

from pathlib import Path

_INSTALLED = Path(__file__).parent / "assets"  # where setup.py puts them in a wheel
ASSETS = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[1] / "assets"
