"""What pyproject.toml cannot say: in a wheel, the folder `assets` is part of the package `nmtr`."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["nmtr*", "dashboard*"]), "nmtr.assets"],
    package_dir={"nmtr.assets": "assets"},
)
