"""nmtr methods"""

from __future__ import annotations

from nmtr.config.methods import METHODS
from tests.cli.conftest import Nmtr


def test_every_method_is_listed_with_its_line_and_its_options(nmtr: Nmtr) -> None:
    value = nmtr("methods", "--json").json
    assert [method["method"] for method in value] == [*METHODS]
    options = {method["method"]: set(method["options"]) for method in value}
    assert {"lambdas", "cascade", "unobserved_weight", "negatives"} <= options["nmtr"]
    assert options["popularity"] == {"refit"} and "unseen_share" in options["mc-neumf"]
    assert "lambdas" not in options["gmf"] and "layers" not in options["gmf"]
    shown = nmtr("methods").out
    for name, method in METHODS.items():
        assert f"{name} – {method.label}: {method.about}" in shown
