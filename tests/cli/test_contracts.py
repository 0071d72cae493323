"""What each command prints: the JSON that others rely on, and what people read."""

from __future__ import annotations

import csv
import signal
from pathlib import Path

import pytest

from nmtr.config import RunConfig
from nmtr.workspace import Workspace
from tests.cli.conftest import SMALL, Nmtr

BEHAVIORS = ["view", "cart", "buy"]
STAGE = {"behavior", "own", "bias", "logit", "probability", "chance"}
CHANCE = {"next", "low", "high", "window", "step"}


def test_data_list_names_what_is_here_and_for_people_what_can_be_had(nmtr: Nmtr, home: Path) -> None:
    listed = nmtr("data", "list", "--json").json
    assert [entry["name"] for entry in listed] == ["shop", "spare"]
    assert listed[0]["behaviors"] == BEHAVIORS
    shown = nmtr("data", "list").out
    assert "can be added" in next(line for line in shown.splitlines() if line.startswith("demo"))
    assert "view 60, cart 48, buy 36" in shown


def test_data_show_keeps_its_contract(nmtr: Nmtr, home: Path) -> None:
    value = nmtr("data", "show", "shop", "--json").json
    assert set(value) == {
        *("name", "users", "items", "behaviors", "interactions", "test_users", "fingerprint", "sample", "leak"),
        *("held_out_newest", "valid_named", "activity", "audit"),
    }
    assert (value["name"], value["users"], value["items"]) == ("shop", 12, 9)
    assert value["behaviors"] == BEHAVIORS
    assert value["interactions"] == {"view": 60, "cart": 48, "buy": 36}
    assert value["test_users"] == 12
    assert value["leak"] == {"view": 1.0, "cart": 1.0}
    assert value["sample"]["users"] and value["sample"]["items"]


def test_data_show_tells_people_the_same(nmtr: Nmtr, home: Path) -> None:
    shown = nmtr("data", "show", "shop").out
    assert "view 100.0%, cart 100.0%" in shown
    assert "shop.csv (licence not stated)" in shown


def test_data_sets_are_shown_side_by_side_and_judged(nmtr: Nmtr, home: Path) -> None:
    value = nmtr("data", "show", "shop", "spare", "--json").json
    assert [one["name"] for one in value] == ["shop", "spare"]
    assert value[0] == nmtr("data", "show", "shop", "--json").json
    shown = nmtr("data", "show", "shop", "spare").out
    assert shown.splitlines()[0].split() == ["shop", "spare"] and "test pairs in cart" in shown
    first = nmtr("data", "show", "shop").out.splitlines()[0]
    assert first == value[0]["audit"]["verdict"][0] and first.startswith("Judge by clean: 100% of the held-out buy")


def test_data_add_and_remove_change_the_library(nmtr: Nmtr, own_home: Path, shop_csv: Path) -> None:
    added = nmtr("data", "add", "mine", "--from", shop_csv, "--behaviors", "view,buy", "--json").json
    assert added == nmtr("data", "show", "mine", "--json").json
    assert added["behaviors"] == ["view", "buy"]
    assert nmtr("data", "remove", "mine", "--json").json == {"removed": "mine"}
    assert nmtr("data", "list", "--json").json == []


def test_data_add_reads_columns_by_their_names(nmtr: Nmtr, own_home: Path, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("who,what,did,at\nann,cup,view,1\nann,cup,buy,2\nann,mug,buy,3\nbob,mug,buy,1\n")
    columns = "user=who,item=what,behavior=did,time=at"
    added = nmtr("data", "add", "log", "--from", tmp_path / "log.csv", "--columns", columns, "--json").json
    assert added["interactions"] == {"view": 1, "buy": 3}


def test_runs_lists_every_state(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    listed = {run["run"]: run for run in nmtr("runs", "--json").json}
    for kind, run in runs.items():
        state = "done" if kind == "popularity" else kind
        assert listed[run]["state"] == state
        assert {"run", "state", "config", "data", "protocol", "method"} <= set(listed[run])
    shown = nmtr("runs").out
    assert all(run in shown for run in runs.values())


@pytest.mark.parametrize("kind", ["done", "popularity", "running", "failed", "cancelled", "queued"])
def test_show_tells_of_a_run_in_any_state(kind: str, nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    value = nmtr("show", runs[kind], "--json").json
    assert value["run"] == runs[kind]
    assert len(value["reports"]) == (SMALL["epochs"] if kind == "done" else 0)
    shown = nmtr("show", runs[kind])
    assert shown.out.startswith(f"run {runs[kind]} is {'done' if kind == 'popularity' else kind}")
    assert ("It ran out of luck; resume it." in shown.out) == (kind == "failed")


def test_evaluate_gives_the_figures_of_the_run(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    recorded = nmtr("show", runs["done"], "--json").json
    again = nmtr("evaluate", runs["done"], "--json").json
    assert again["test"] == pytest.approx(recorded["test"])
    assert "NDCG@100" in nmtr("evaluate", runs["done"]).out


def test_recommend_keeps_its_contract(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    value = nmtr("recommend", runs["done"], "--user", "u1", "--top", 4, "--json").json
    assert set(value) == {"user", "items"}
    assert value["user"] == "u1"
    assert [item["rank"] for item in value["items"]] == [0, 1, 2, 3]
    for item in value["items"]:
        assert set(item) == {"item", "title", "rank", "logit", "chance", "stages"}
        assert set(item["chance"]) == CHANCE and item["chance"] == item["stages"][-1]["chance"]
        assert [stage["behavior"] for stage in item["stages"]] == BEHAVIORS
        assert all(set(stage) == STAGE for stage in item["stages"])
        assert item["stages"][-1]["logit"] == pytest.approx(item["logit"], abs=1e-5)


def test_recommend_without_a_cascade_has_no_stages(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    value = nmtr("recommend", runs["popularity"], "--user", "u1", "--json").json
    assert value["items"] and all(item["stages"] == [] for item in value["items"])
    assert nmtr("explain", runs["popularity"], "--user", "u1", "--item", "i3").out.startswith("item i3 (Thing 3)")


def test_recommend_lists_what_is_wanted_only(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    asked = ("recommend", runs["done"], "--user", "u1")
    whole = nmtr(*asked, "--top", 50, "--json").json["items"]
    new, seen = (nmtr(*asked, "--top", 50, "--seen", kind, "--json").json["items"] for kind in ("new", "seen"))
    assert sorted([*new, *seen], key=lambda item: item["rank"]) == whole and new and seen
    assert (
        f"the first {len(seen)} of {len(seen)} wanted, of {len(whole)} items"
        in nmtr(*asked, "--top", 50, "--seen", "seen").out
    )
    for wrong, why in (
        (("--category", "x"), "by category where the data set tells it; shop does not"),
        (("--price", "9"), "--price must look like 10-25"),
        (("--price", "9-2"), "from the lower to the higher; got 9-2"),
    ):
        answer = nmtr(*asked, *wrong)
        assert answer.code == 2 and why in answer.err
    answer = nmtr("recommend", runs["done"], "--history", "view=i1", "--seen", "new")
    assert answer.code == 2 and "need --user; got --history" in answer.err


def test_lists_of_many_users_go_to_a_file(nmtr: Nmtr, home: Path, runs: dict[str, str], tmp_path: Path) -> None:
    path, asked = tmp_path / "lists.csv", tmp_path / "users.txt"
    answer = nmtr("recommend", runs["done"], "--users", "all", "--top", 4, "--csv", path)
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    users = list(dict.fromkeys(row["user"] for row in rows))
    assert len(users) == 12 and f"of 12 users are in {path}: {len(rows)} rows" in answer.out
    for user in users[::5]:
        single = nmtr("recommend", runs["done"], "--user", user, "--top", 4, "--json").json["items"]
        own = [row for row in rows if row["user"] == user]
        assert [row["item"] for row in own] == [item["item"] for item in single]
        assert [row["place"] for row in own] == ["1", "2", "3", "4"][: len(own)]
        assert own[0]["title"] == single[0]["title"]
    asked.write_text("u3\n\nu1\nu3\n")
    answer = nmtr("recommend", runs["done"], "--users", asked, "--top", 1, "--csv", path)
    assert [row["user"] for row in csv.DictReader(path.read_text("utf-8").splitlines())] == ["u3", "u1"]
    assert "1 of 3 lines name a user again, and are left out" in answer.err
    asked.write_text("u3\nnobody\n")
    (nobody := tmp_path / "nobody.txt").write_text("\n\n")
    for wrong, why in (
        (("--users", nobody, "--csv", path), "nobody.txt names nobody"),
        (("--users", asked, "--csv", path), "user must be one of the 12 users"),
        (("--users", tmp_path / "none.txt", "--csv", path), "a text file with a user a line; got"),
        (("--users", "all"), "--users and --csv go together"),
        (("--user", "u1", "--csv", path), "--users and --csv go together"),
        (("--users", "all", "--csv", path, "--seen", "new"), "need --user; got --users"),
        (("--users", "all", "--user", "u1", "--csv", path), "got --user and --users"),
    ):
        answer = nmtr("recommend", runs["done"], *wrong)
        assert answer.code == 2 and why in answer.err, wrong
    assert len(path.read_text("utf-8").splitlines()) == 3, "what was there stays where a command is refused"


def test_explain_keeps_its_contract(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    first = nmtr("recommend", runs["done"], "--user", "u1", "--top", 1, "--json").json["items"][0]
    value = nmtr("explain", runs["done"], "--user", "u1", "--item", first["item"], "--json").json
    assert {"user", "item", "title", "rank", "logit", "stages"} <= set(value)
    assert (value["user"], value["rank"], value["short"]) == ("u1", 0, None)
    missing = nmtr("recommend", runs["done"], "--user", "u1", "--top", 3, "--json").json["items"][2]
    asked = ("explain", runs["done"], "--user", "u1", "--item", missing["item"], "--top", 1)
    short = nmtr(*asked, "--json").json["short"]
    assert (short["first"], short["item"]) == (1, first["item"])
    assert short["lacks"] == pytest.approx(first["logit"] - missing["logit"])
    assert f"to be among the first 1 it lacks {short['lacks']:.3f}, beside item {first['item']}" in nmtr(*asked).out
    assert all(set(stage) == STAGE | {"rank"} for stage in value["stages"])
    assert value["stages"][-1]["rank"] == value["rank"]
    own_parts = sum(stage["own"] + stage["bias"] for stage in value["stages"])
    assert own_parts == pytest.approx(value["logit"], abs=1e-4)


def test_items_lists_all_in_json_and_csv_and_the_first_for_people(
    nmtr: Nmtr, home: Path, runs: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "items.csv"
    value = nmtr("items", runs["done"], "--top", 2, "--json", "--csv", file).json
    assert (value["run"], value["behaviors"], value["scored"]) == (runs["done"], BEHAVIORS, BEHAVIORS)
    assert (value["shoppers"], value["of"], value["notes"]) == (12, 12, [])
    assert [row["place"] for row in value["items"]] == [*range(1, 10)]
    assert sum(row["observed_view"] for row in value["items"]) == 12 * (5 - 2)  # clean hides two of each shopper's
    with file.open(encoding="utf-8", newline="") as written:
        rows = list(csv.DictReader(written))
    assert [row["item"] for row in rows] == [row["item"] for row in value["items"]]
    assert float(rows[0]["expected_buy"]) == value["items"][0]["expected_buy"]
    assert list(tmp_path.iterdir()) == [file]
    shown = nmtr("items", runs["done"], "--top", 2)
    assert shown.err == ""
    title, columns, first, second = shown.out.splitlines()
    assert title.rstrip() == f"Run {runs['done']}: the first 2 of 9 items by mean target score"
    assert "view → cart" in columns and "score, buy" in columns
    assert [line.split()[:2] for line in (first, second)] == [["1", rows[0]["item"]], ["2", rows[1]["item"]]]


def test_items_tells_of_one_item(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    value = nmtr("items", runs["done"], "--item", "i3", "--top", 4, "--json").json
    assert (value["item"], value["title"], value["items"]) == ("i3", "Thing 3", 9)
    assert (
        [stage["behavior"] for stage in value["spread"]] == [step["behavior"] for step in value["funnel"]] == BEHAVIORS
    )
    assert len(value["shoppers"]) == len(value["neighbors"]) == 4
    shown = nmtr("items", runs["done"], "--item", "i3", "--top", 4).out
    assert shown.startswith(f"item i3 (Thing 3): place {value['place']} of 9 by mean target score\n")
    assert value["stuck"]["sentence"] in shown and "The likeliest to buy it next" in shown
    assert value["neighbors"][0]["title"] in shown


def test_items_of_a_method_without_a_cascade_says_what_is_missing(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    for more in ([], ["--item", "i3"]):
        answer = nmtr("items", runs["popularity"], *more)
        assert answer.code == 0 and answer.err.splitlines() == [
            "Popularity has one score here, that of the target (buy): there are no stages to compare.",
            "Popularity gives scores, not chances, so how many shoppers to expect cannot be said.",
        ]


def test_csv_is_written_whole_or_not_at_all(nmtr: Nmtr, home: Path, runs: dict[str, str], tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    file = tmp_path / "items.csv"
    file.write_text("kept")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # Who opens the store first makes its shared memory, a file that the limit is not about.
    store = Workspace(home)
    store.runs.get(runs["done"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    try:
        answer = nmtr("items", runs["done"], "--csv", file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        store.runs.close()
        signal.signal(signal.SIGXFSZ, ignored)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"--csv needs a file that can be written; {file} cannot (File too large).\n"
    assert file.read_text() == "kept" and list(tmp_path.iterdir()) == [file]


def test_calibration_keeps_its_contract(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    value = nmtr("calibration", runs["done"], "--json").json
    assert set(value) == {"run", "users", "of_users", "stages"}
    assert (value["run"], value["users"], value["of_users"]) == (runs["done"], 12, 12)
    assert [stage["behavior"] for stage in value["stages"]] == BEHAVIORS
    keys = {"behavior", "basis", "why", "fitted_on", "got_so_far", "means", "checked", "before", "after"}
    assert all(set(stage) == keys for stage in value["stages"])
    view, buy = value["stages"][0], value["stages"][-1]
    assert (view["checked"], view["after"], view["basis"]) == (False, None, "correction")
    assert (
        view["means"] == "The chance that the user's next view is of this item, for items with no view by the user yet."
    )
    assert buy["checked"] and buy["before"] == buy["after"] and buy["after"]["found"] == 12
    assert {"pairs", "found", "expected", "bins", "error", "by_chance", "rate", "misplaced"} == set(buy["after"])
    assert {"pairs", "found", "chance", "rate", "low", "high"} == set(buy["after"]["bins"][0])
    shown = nmtr("calibration", runs["done"])
    assert "fewer than 100 users have a validation pair" in shown.out and "95 % interval" in shown.out
    (rule,) = nmtr("calibration", runs["popularity"], "--json").json["stages"]
    assert rule["basis"] == "none" and rule["after"] is None
    assert rule["why"].startswith("Popularity gives scores, not chances, and fewer than 100")


def test_chances_are_told_to_people_beside_the_scores(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    shown = nmtr("recommend", runs["done"], "--user", "u1", "--top", 4).out
    assert shown.splitlines()[1].split()[-1] == "chance" and shown.count(" 1 in ") + shown.count(" in 10") == 4
    explained = nmtr("explain", runs["done"], "--user", "u1", "--item", "i3")
    assert "sigmoid" in explained.out and explained.out.count(" in ") >= 3
    assert "this run held out no cart pairs" in explained.err
    assert nmtr("recommend", runs["popularity"], "--user", "u1", "--top", 1).out.rstrip().endswith("–")


def test_labels_are_shown_as_they_are_and_steer_nothing(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    title = "[red]a :smile: \ufffd[31m mug[/red]"
    assert f"item i7 ({title}) for user u1" in nmtr("explain", runs["done"], "--user", "u1", "--item", "i7").out
    listed = nmtr("recommend", runs["done"], "--user", "u0", "--top", 9)
    assert title in listed.out
    assert "\x1b" not in listed.out + listed.err
    of_items = [nmtr("items", runs["done"], *more) for more in ([], ["--item", "i7"])]
    assert all(title in answer.out and "\x1b" not in answer.out + answer.err for answer in of_items)


def test_runs_are_labeled_found_and_archived(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    run = runs["failed"]
    value = nmtr("label", run, "--name", "Ana's [b]try[/b]", "--tags", "demo, first", "--note", "why", "--json").json
    assert (value["name"], value["tags"], value["note"], value["archived"]) == (
        *("Ana's [b]try[/b]", ["demo", "first"], "why", False),
    )
    assert [one["run"] for one in nmtr("runs", "--search", "TRY", "--tag", "first,demo", "--json").json] == [run]
    assert "Ana's [b]try[/b] #demo #first" in nmtr("runs", "--tag", "demo").out
    assert nmtr("show", run).out.splitlines()[:2] == [
        f"run {run}, Ana's [b]try[/b] #demo #first is failed, epoch 0 of 2",
        "why",
    ]
    assert nmtr("label", run, "--archive").out == f"run {run} is labeled\n"
    answer = nmtr("runs", "--json")
    assert (
        run not in [one["run"] for one in answer.json] and answer.err == "1 archived run not shown; see --archived.\n"
    )
    assert run in [one["run"] for one in nmtr("runs", "--archived", "--json").json]
    assert nmtr("label", run).err == "a label needs --name, --tags, --note or --archive; got none of them.\n"
    assert nmtr("label", run, "--tags", "x" * 31).err.startswith("A tag must fit: string must have at most 30")
    assert nmtr("label", run, "--name", "", "--tags", "", "--note", "", "--unarchive", "--json").json["tags"] == []


def test_a_finished_run_can_be_pinned(nmtr: Nmtr, home: Path, runs: dict[str, str]) -> None:
    run = runs["done"]
    assert nmtr("pin", run, "--json").json["pinned"] and nmtr("show", run, "--json").json["pinned"]
    assert nmtr("pin", run, "--off").out == f"run {run} is no longer pinned\n"
    assert nmtr("pin", runs["failed"]).err == f"A run must be done to be pinned; run {runs['failed']} is failed.\n"


def test_a_run_can_be_cancelled_resumed_and_deleted(nmtr: Nmtr, own_home: Path, shop_csv: Path) -> None:
    nmtr("data", "add", "shop", "--from", shop_csv)
    workspace = Workspace()
    run = workspace.submit(RunConfig.parse({"data": "shop", **SMALL})).id
    assert nmtr("cancel", run, "--json").json["state"] == "cancelled"
    assert nmtr("resume", run, "--json").json["state"] == "queued"
    assert nmtr("cancel", run).out == f"run {run} is cancelled\n"
    assert nmtr("delete", run, "--json").json == {"deleted": run, "kept": True}
    assert nmtr("undelete", run, "--json").json["run"] == run
    assert nmtr("delete", run).out == f"run {run} is deleted; for a day nmtr undelete {run} brings it back\n"
    assert nmtr("runs", "--json").json == []
    workspace.runs.close()


def test_cancel_of_a_running_run_asks_it_to_stop(
    nmtr: Nmtr, own_home: Path, shop_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[Path] = []
    monkeypatch.setattr("nmtr.runs.supervisor.ensure_running", watched.append)
    nmtr("data", "add", "shop", "--from", shop_csv)
    workspace = Workspace()
    run = workspace.start(RunConfig.parse({"data": "shop", **SMALL})).id
    assert nmtr("cancel", run).out == f"run {run} is asked to stop\n"
    assert workspace.runs.get(run).cancel_requested
    assert watched == [own_home], "somebody has to settle a run whose process is gone"
    workspace.runs.close()


def test_a_run_is_exported_to_a_file_and_imported_elsewhere(
    nmtr: Nmtr, home: Path, runs: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"nmtr-{runs['done']}.zip"
    recorded = nmtr("show", runs["done"], "--json").json
    exported = nmtr("export", runs["done"], "--json").json
    assert exported == {"run": runs["done"], "file": path.name, "bytes": path.stat().st_size}
    assert f"{runs['popularity']} is in here.zip (" in nmtr("export", runs["popularity"], "here.zip").out
    assert sorted(file.name for file in tmp_path.iterdir()) == ["here.zip", path.name]
    monkeypatch.setenv("NMTR_HOME", str(tmp_path / "home"))
    imported = nmtr("import", path, "--json")
    assert imported.err.startswith("to recommend by it, add data set shop as it was there (fingerprint ")
    assert imported.json == {name: value for name, value in recorded.items() if name != "reports"}
    assert nmtr("show", runs["done"], "--json").json == recorded
    assert nmtr("import", path).out == f"run {runs['done']} is here already, as it is\n"
    compared = nmtr("compare", runs["done"], "--json").json
    assert compared["entries"][0]["test"]["HR@10"]["value"] == recorded["test"]["HR@10"]
    assert compared["visited_users"] is None


def test_worker_ends_when_there_is_nothing_to_do(nmtr: Nmtr, own_home: Path) -> None:
    answer = nmtr("worker", "--once")
    assert (answer.code, answer.out) == (0, "")


@pytest.mark.parametrize("command", [("worker", "--once"), ("dashboard", "--no-demo", "--port", 58_502)])
def test_studies_whose_driver_is_gone_go_on_with_the_worker_or_the_dashboard(
    command: tuple[str | int, ...], nmtr: Nmtr, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []
    monkeypatch.setattr("nmtr.sweeps.revive", lambda workspace: looked.append(workspace.home))
    monkeypatch.setattr("os.execve", lambda *given: None)
    monkeypatch.setattr("os.chdir", lambda folder: None)
    assert nmtr(*command).code == 0 and looked == [own_home]
