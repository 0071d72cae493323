"""A finished run as one file: there and back, and everything that a file may hold instead."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.numpy import save as save_arrays
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from nmtr.config import RunConfig
from nmtr.errors import NmtrError, RunError
from nmtr.experiment import expected_weights
from nmtr.runs import archive, checkpoint
from nmtr.workspace import Workspace
from tests.conftest import random_dataset

SMALL = {"data": "shop", "embedding_size": 4, "epochs": 2, "threads": 1}
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Where runs were trained."""
    workspace = Workspace(tmp_path_factory.mktemp("home"))
    workspace.data.save(random_dataset())
    yield workspace
    workspace.runs.close()


@pytest.fixture(scope="module")
def exported(home: Workspace) -> bytes:
    run = home.train(RunConfig.parse(SMALL | {"unit": "neumf", "refit": True}))
    (home.runs.folder(run.id) / "log.txt").write_text("it went well\n")
    return export(home, run.id)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Workspace]:
    """Another machine, without the data set."""
    workspace = Workspace(tmp_path / "elsewhere")
    yield workspace
    workspace.runs.close()


def export(workspace: Workspace, run: str) -> bytes:
    file = io.BytesIO()
    workspace.export_run(run, file)
    return file.getvalue()


def unzipped(content: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(content)) as members:
        return {name: members.read(name) for name in members.namelist()}


def zipped(members: Members, *, signed: bool = True) -> bytes:
    """An archive of these members; `signed`: with a manifest that fits them, as a forger would write it."""
    if signed:
        said = {name: content for name, content in members.items() if name != "manifest.json"}
        hashes = {n: {"bytes": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in said.items()}
        manifest = json.loads(members["manifest.json"]) | {"members": hashes}
        members = members | {"manifest.json": json.dumps(manifest).encode()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)
    return file.getvalue()


def changed(content: bytes, member: str, **values: Any) -> bytes:
    """With these values in a member of JSON."""
    members = unzipped(content)
    return zipped(members | {member: json.dumps(json.loads(members[member]) | values).encode()})


def refused(workspace: Workspace, content: bytes) -> str:
    """The one sentence that an import ends in, with nothing left behind."""
    with pytest.raises(RunError) as error:
        workspace.import_run(io.BytesIO(content), "run.zip")
    assert workspace.runs.list() == ()
    assert not [*workspace.home.glob("runs/*")]
    sentence = str(error.value)
    assert "\n" not in sentence and sentence.startswith("run.zip ") and sentence.endswith(".")
    return sentence


# There and back


def test_exported_run_is_the_same_elsewhere_without_its_data(
    home: Workspace, exported: bytes, elsewhere: Workspace
) -> None:
    run, new = elsewhere.import_run(io.BytesIO(exported), "run.zip")
    trained = home.runs.get(run.id)
    assert new and run.state == "done" and run == elsewhere.runs.get(run.id)
    for name in ("id", "config", "fingerprint", "created", "started", "finished", "epoch", "seconds", "result"):
        assert getattr(run, name) == getattr(trained, name), name
    assert elsewhere.runs.reports(run.id) == home.runs.reports(run.id)
    here, there = (workspace.runs.folder(run.id) for workspace in (home, elsewhere))
    ranks, weights = checkpoint.load_ranks(there), checkpoint.load_weights(there)
    for name, values in checkpoint.load_ranks(here).items():
        np.testing.assert_array_equal(ranks.pop(name), values, strict=True)
    for name, tensor in checkpoint.load_weights(here).items():
        assert torch.equal(weights.pop(name), tensor)
    assert not ranks and not weights
    assert (there / "log.txt").read_text() == "it went well\n"
    assert export(elsewhere, run.id) == exported == export(home, run.id)
    with pytest.raises(RunError, match="must be queued or running to be cancelled"):
        elsewhere.cancel(run.id)


def test_labels_travel_and_make_no_other_run_of_it(home: Workspace, exported: bytes, elsewhere: Workspace) -> None:
    run, _ = elsewhere.import_run(io.BytesIO(exported), "run.zip")
    elsewhere.runs.label(run.id, name="The best", tags=["ana"], note="a note", archived=True)
    labeled = export(elsewhere, run.id)
    assert home.import_run(io.BytesIO(labeled), "run.zip") == (home.runs.get(run.id), False)
    elsewhere.delete(run.id)
    again, new = elsewhere.import_run(io.BytesIO(labeled), "run.zip")
    assert new and (again.name, again.tags, again.note, again.archived) == ("The best", ("ana",), "a note", False)
    for name, value in (("name", "x" * 81), ("tags", ["a,b"]), ("note", "\x00")):
        elsewhere.delete(run.id)
        assert "run.json does not hold what it should" in refused(
            elsewhere, changed(labeled, "run.json", **{name: value})
        )
        elsewhere.import_run(io.BytesIO(labeled), "run.zip")


def test_archive_without_labels_as_format_1_had_it_is_imported(exported: bytes, elsewhere: Workspace) -> None:
    members = unzipped(exported)
    saved = json.loads(members["run.json"])
    for name in ("name", "tags", "note"):
        del saved[name]
    members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | {"format": 1}).encode()
    content = zipped(members | {"run.json": json.dumps(saved).encode()})
    run, new = elsewhere.import_run(io.BytesIO(content), "run.zip")
    assert new and (run.name, run.tags, run.note) == ("", (), "")


def test_imported_run_answers_once_its_data_set_is_there(exported: bytes, elsewhere: Workspace) -> None:
    run, _ = elsewhere.import_run(io.BytesIO(exported), "run.zip")
    assert not elsewhere.has_data_of(run)
    with pytest.raises(NmtrError, match="^data set must be one of those added"):
        elsewhere.fitted(run.id)
    elsewhere.data.save(random_dataset(seed=1))
    assert not elsewhere.has_data_of(run)
    with pytest.raises(RunError, match="another version of data set shop"):
        elsewhere.fitted(run.id)
    elsewhere.data.remove("shop")
    elsewhere.data.save(random_dataset())
    assert elsewhere.has_data_of(run)
    assert elsewhere.evaluate(run.id) == run.result


@pytest.mark.parametrize("method", ["nmtr", "mc-neumf", "bpr", "cmf", "ehcf", "ials", "popularity"])
def test_run_of_every_kind_of_method_travels(home: Workspace, elsewhere: Workspace, method: str) -> None:
    options = {name: value for name, value in SMALL.items() if method != "popularity" or name in ("data", "threads")}
    run = home.train(RunConfig.parse(options | {"method": method}))
    assert elsewhere.import_run(io.BytesIO(export(home, run.id)), "run.zip")[0].result == run.result


def test_run_that_held_out_lower_behaviors_travels_with_their_ranks(home: Workspace, elsewhere: Workspace) -> None:
    run = home.train(RunConfig.parse(SMALL | {"hold_out_lower": True}))
    content = export(home, run.id)
    result = json.loads(unzipped(content)["run.json"])["result"]
    result["behaviors"]["view"]["HR@10"] += 0.01
    assert "the lower:view figures in run.json are not" in refused(
        elsewhere, changed(content, "run.json", result=result)
    )
    ranks = checkpoint.load_ranks(home.runs.folder(run.id))
    assert "must hold a rank" in refused(elsewhere, with_ranks(content, valid=ranks["valid"], test=ranks["test"]))
    assert elsewhere.import_run(io.BytesIO(content), "run.zip")[0].result == run.result


def test_imported_twice_it_is_there_already_and_imported_over_another_it_is_refused(
    exported: bytes, elsewhere: Workspace
) -> None:
    run, _ = elsewhere.import_run(io.BytesIO(exported), "run.zip")
    assert elsewhere.import_run(io.BytesIO(exported), "run.zip") == (run, False)
    other = changed(exported, "run.json", created=1.0)
    with pytest.raises(RunError, match=rf"^run {run.id} of run\.zip is here already, with other content: delete that"):
        elsewhere.import_run(io.BytesIO(other), "run.zip")
    assert elsewhere.runs.list() == (run,)
    assert export(elsewhere, run.id) == exported
    elsewhere.delete(run.id)
    assert elsewhere.import_run(io.BytesIO(other), "run.zip")[0].created == 1.0


def test_archive_from_before_an_option_is_imported_and_is_there_already(exported: bytes, elsewhere: Workspace) -> None:
    config = json.loads(unzipped(exported)["run.json"])["config"]
    assert config.pop("rank_every") == 1
    old = changed(exported, "run.json", config=config)
    run, new = elsewhere.import_run(io.BytesIO(old), "run.zip")
    assert new and run.config.rank_every == 1
    for content in (old, exported):
        assert elsewhere.import_run(io.BytesIO(content), "run.zip") == (run, False)


def test_two_imports_at_once_leave_one_run_whole(exported: bytes, elsewhere: Workspace) -> None:
    contents = archive.read(io.BytesIO(exported), "run.zip", expected_weights)
    run = archive.insert(elsewhere.runs, contents)
    with pytest.raises(RunError, match=f"^An imported run needs its id; {run.id} is taken"):
        archive.insert(elsewhere.runs, contents)
    assert export(elsewhere, run.id) == exported
    assert [path.name for path in elsewhere.home.glob("runs/*")] == [run.id]


def test_folder_that_a_killed_import_left_is_in_nobodys_way(exported: bytes, elsewhere: Workspace) -> None:
    run = json.loads(unzipped(exported)["run.json"])["id"]
    elsewhere.runs.folder(run).mkdir(parents=True)
    (elsewhere.runs.folder(run) / "ranks.npz").touch()
    elsewhere.import_run(io.BytesIO(exported), "run.zip")
    assert export(elsewhere, run) == exported


def test_run_whose_sizes_are_damaged_is_refused_in_a_sentence(exported: bytes, elsewhere: Workspace) -> None:
    run, _ = elsewhere.import_run(io.BytesIO(exported), "run.zip")
    (elsewhere.runs.folder(run.id) / "data.json").write_text('{"name": "shop"')
    with pytest.raises(RunError, match=rf"^run {run.id} needs .*data\.json to be whole .* or delete the run"):
        export(elsewhere, run.id)


def test_import_without_room_is_refused_and_leaves_nothing(
    exported: bytes, elsewhere: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_ranks", full)
    with pytest.raises(RunError, match=r"^an imported run needs room in .*runs, .*\(No space left on device\)\.$"):
        elsewhere.import_run(io.BytesIO(exported), "run.zip")
    assert elsewhere.runs.list() == () and not [*elsewhere.home.glob("runs/*")]


@pytest.mark.parametrize("state", ["queued", "failed", "cancelled"])
def test_run_that_is_not_done_is_not_exported(home: Workspace, state: str) -> None:
    config, info = home.prepare(RunConfig.parse(SMALL))
    run = home.runs.create(config, info.fingerprint, foreground=state != "queued")
    if state == "failed":
        home.runs.fail(run.id, "It broke.")
    elif state == "cancelled":
        home.runs.cancelled(run.id)
    with pytest.raises(RunError, match=f"^run {run.id} must be done for this; it is {state}: "):
        export(home, run.id)


def test_run_whose_data_set_is_gone_is_not_exported(elsewhere: Workspace) -> None:
    elsewhere.data.save(random_dataset())
    run = elsewhere.train(RunConfig.parse(SMALL))
    elsewhere.remove_data("shop")
    with pytest.raises(RunError, match=f"^run {run.id} needs data set shop as it was trained on to be exported"):
        export(elsewhere, run.id)


def test_imported_runs_pace_is_not_this_machines(exported: bytes, elsewhere: Workspace) -> None:
    elsewhere.data.save(random_dataset())
    run, _ = elsewhere.import_run(io.BytesIO(exported), "run.zip")
    assert not elsewhere.estimate(run.config).measured


# What a file may hold instead


def test_file_that_is_no_archive_is_refused(elsewhere: Workspace, exported: bytes) -> None:
    whole = "run.zip must be a whole archive of a run, as nmtr export writes it, but is damaged or something else ("
    for content in (b"", b"user,item\n", exported[:-30], exported[: len(exported) // 2], exported[40:]):
        assert refused(elsewhere, content).startswith(whole)


def test_archive_of_a_newer_nmtr_is_refused_whatever_else_it_holds(elsewhere: Workspace, exported: bytes) -> None:
    manifest = json.dumps({"format": archive.FORMAT + 1, "nmtr": "9.1", "parts": []}).encode()
    assert refused(elsewhere, zipped({"manifest.json": manifest, "parts.bin": b""}, signed=False)) == (
        f"run.zip was written by a newer nmtr (9.1, format {archive.FORMAT + 1}; this one knows {archive.FORMAT}), so "
        "upgrade nmtr."
    )


def without(members: Members, name: str) -> Members:
    return {member: content for member, content in members.items() if member != name}


@pytest.mark.parametrize("name", ["run.json", "data.json", "reports.json", "log.txt", "ranks.safetensors"])
def test_archive_without_a_member_is_refused(elsewhere: Workspace, exported: bytes, name: str) -> None:
    assert "each once and nothing else" in refused(elsewhere, zipped(without(unzipped(exported), name)))


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "weights.pt", "checkpoint.pt", "sub/run.json", "a\\b"])
def test_archive_with_another_member_is_refused(elsewhere: Workspace, exported: bytes, name: str) -> None:
    evil = pickle.dumps(Evil())
    assert "each once and nothing else" in refused(elsewhere, zipped(unzipped(exported) | {name: evil}))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archive_with_a_member_twice_is_refused(elsewhere: Workspace, exported: bytes) -> None:
    file = io.BytesIO(exported)
    with zipfile.ZipFile(file, "a") as target:
        target.writestr("run.json", unzipped(exported)["run.json"])
    assert "each once and nothing else" in refused(elsewhere, file.getvalue())


class Evil:
    """What must never be unpickled."""

    def __reduce__(self) -> Any:
        return pytest.fail, ("a member was unpickled",)


@pytest.mark.parametrize("name", ["weights.safetensors", "ranks.safetensors", "run.json"])
def test_pickle_in_a_members_place_is_refused_and_not_unpickled(
    elsewhere: Workspace, exported: bytes, name: str
) -> None:
    file = io.BytesIO()
    torch.save({"users.weight": Evil()}, file)
    for content in (pickle.dumps(Evil()), file.getvalue()):
        refused(elsewhere, zipped(unzipped(exported) | {name: content}))


@pytest.mark.parametrize("name", ["run.json", "ranks.safetensors", "weights.safetensors", "log.txt"])
def test_member_that_its_manifest_does_not_know_is_refused(elsewhere: Workspace, exported: bytes, name: str) -> None:
    members = unzipped(exported)
    flipped = members[name][:-1] + bytes([members[name][-1] ^ 1])
    content = zipped(members | {name: flipped}, signed=False)
    assert f"{name} is not what its manifest says" in refused(elsewhere, content)


def with_weights(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    members = unzipped(content)
    weights = load_tensors(members["weights.safetensors"])
    change(weights)
    return zipped(members | {"weights.safetensors": save_tensors(weights)})


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights.pop("bias"),
        lambda weights: weights.update(another=torch.zeros(3)),
        lambda weights: weights.update(bias=weights["bias"][:, 1:].contiguous()),
        lambda weights: weights.update(bias=weights["bias"].T.contiguous()),
        lambda weights: weights.update(bias=weights["bias"].double()),
        lambda weights: weights.update(bias=weights["bias"].half()),
    ],
    ids=["missing", "more", "fewer items", "transposed", "float64", "float16"],
)
def test_weights_of_another_shape_or_type_are_refused(
    elsewhere: Workspace, exported: bytes, change: Callable[[dict[str, Any]], object]
) -> None:
    assert "must hold the tensors of NMTR-NeuMF for 40 users" in refused(elsewhere, with_weights(exported, change))


def test_weights_that_are_no_numbers_are_refused(elsewhere: Workspace, exported: bytes) -> None:
    content = with_weights(exported, lambda weights: weights["bias"].fill_(float("nan")))
    assert "must hold finite numbers" in refused(elsewhere, content)


def with_ranks(content: bytes, **ranks: Any) -> bytes:
    return zipped(unzipped(content) | {"ranks.safetensors": save_arrays(ranks)})


@pytest.mark.parametrize(
    "test",
    [np.zeros(39), np.zeros((40, 1)), np.zeros(40, np.float32), np.full(40, 150.0), np.full(40, -1.0)],
    ids=["fewer users", "two-dimensional", "float32", "beyond the items", "below 0"],
)
def test_ranks_that_no_run_can_have_are_refused(elsewhere: Workspace, exported: bytes, test: Any) -> None:
    content = with_ranks(exported, valid=np.zeros(40), test=test)
    assert "must hold a rank below 150 or none for each of 40 users" in refused(elsewhere, content)


def test_figures_that_are_not_those_of_the_ranks_are_refused(elsewhere: Workspace, exported: bytes) -> None:
    result = json.loads(unzipped(exported)["run.json"])["result"]
    result["test"]["HR@10"] += 0.01
    assert "the test figures in run.json are not those of its ranks" in refused(
        elsewhere, changed(exported, "run.json", result=result)
    )


@pytest.mark.parametrize(
    ("member", "values"),
    [
        ("run.json", {"id": "../evil"}),
        ("run.json", {"id": "aaaaaaaa\n"}),
        ("run.json", {"fingerprint": "0123456789abcdef"}),
        ("run.json", {"created": 1e300}),
        ("run.json", {"created": float("nan")}),
        ("run.json", {"epoch": 2**70}),
        ("run.json", {"state": "running"}),
        ("run.json", {"config": {"data": "shop"}}),
        ("run.json", {"config": {"data": "shop", "embedding_size": 10**9}}),
        ("run.json", {"config": []}),
        ("data.json", {"name": "../shop"}),
        ("data.json", {"name": "other"}),
        ("data.json", {"users": 10**12}),
        ("data.json", {"users": 41}),
        ("data.json", {"items": 10**30}),
        ("data.json", {"items": -1}),
        ("data.json", {"behaviors": [f"b{number}" for number in range(1000)]}),
        ("data.json", {"behaviors": []}),
        ("data.json", {"format": 2}),
        ("manifest.json", {"format": "1"}),
        ("manifest.json", {"format": None}),
    ],
    ids=str,
)
def test_forged_values_are_refused(elsewhere: Workspace, exported: bytes, member: str, values: Any) -> None:
    refused(elsewhere, changed(exported, member, **values))


def put(value: Any, path: str, content: Any) -> Any:
    """A JSON value with other content at a path such as `visited.metrics.HR@10`."""
    name, _, rest = path.partition(".")
    return value | {name: put(value[name], rest, content) if rest else content}


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("valid.HR@100", 5.0, "the valid figures in run.json are not those of its ranks"),
        ("valid.<script>", 0.5, "the valid figures"),
        ("test.<script>", 0.5, "the test figures"),
        ("intervals.HR@100", 5.0, "the test intervals"),
        ("intervals.<script>", 0.1, "the test intervals"),
        ("behaviors.view", {"HR@100": 0.5}, "figures of other parts than there are ranks of"),
        ("behavior_intervals.view", {"HR@100": 0.5}, "figures of other parts than there are ranks of"),
        ("not_visited.metrics.HR@100", 5.0, "must be 0 to 1"),
        ("not_visited.metrics.HR@100", 0.123, "HR@100 of visited and not_visited in run.json is not that of all"),
        ("visited.metrics.<script>", 0.5, "other metrics than all test users"),
        ("visited.users", 10**6, "are not the test users"),
        ("visited.users", -1, "are not the test users"),
        ("best_test", {"epoch": 1, "metrics": {"<script>": 0.5}}, None),
        ("epochs", 10**6, "epochs must be 0 to 4"),
        ("best_epoch", -1, "best_epoch must be 0 to 2"),
        ("seconds", -1.0, "seconds must be 0 to 1e+11"),
        ("seconds_per_epoch", -1.0, "seconds_per_epoch must be"),
        ("peak_memory_mb", 1e300, "peak_memory_mb must be"),
    ],
)
def test_result_that_no_run_has_is_refused(
    elsewhere: Workspace, exported: bytes, path: str, content: Any, said: str | None
) -> None:
    result = put(json.loads(unzipped(exported)["run.json"])["result"], path, content)
    if said is None:  # of a refit there is none, whatever is said
        run, _ = elsewhere.import_run(io.BytesIO(changed(exported, "run.json", result=result)), "run.zip")
        assert run.result is not None and run.result.best_test is None
    else:
        assert said in refused(elsewhere, changed(exported, "run.json", result=result))


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("valid.HR@100", 5.0, "HR@100 of validation of an epoch must be 0 to 1"),
        ("valid.<script>", 0.5, "validation of an epoch has a metric that there is not"),
        ("test", {"HR@10": -0.1}, "HR@10 of test of an epoch must be 0 to 1"),
        ("loss.<script>", 0.5, "the loss of a behavior that is not learned"),
        ("best_epoch", 10**9, "best_epoch of an epoch must be 0 to 2"),
        ("epochs", 10**9, "must have each epoch, of 2 at most, once"),
        ("seconds", -5.0, "seconds of an epoch must be"),
    ],
)
def test_epoch_that_no_training_has_is_refused(
    elsewhere: Workspace, exported: bytes, path: str, content: Any, said: str
) -> None:
    members = unzipped(exported)
    first, *others = json.loads(members["reports.json"])
    forged = json.dumps([put(first, path, content), *others]).encode()
    assert said in refused(elsewhere, zipped(members | {"reports.json": forged}))


@pytest.mark.parametrize("name", ["created", "started", "finished"])
def test_time_in_the_future_is_refused_but_for_a_clock_that_is_ahead(
    elsewhere: Workspace, exported: bytes, name: str
) -> None:
    for later in (2 * 86_400, 4102444800 - time.time()):  # the year 2100
        forged = changed(exported, "run.json", **{name: time.time() + later})
        assert f"{name} is in the future" in refused(elsewhere, forged)
    forged = changed(exported, "data.json", created="2100-01-01T00:00:00Z")
    assert "data.json is in the future" in refused(elsewhere, forged)
    assert elsewhere.import_run(io.BytesIO(changed(exported, "run.json", **{name: time.time() + 3600})), "run.zip")


def test_reports_that_no_training_makes_are_refused(elsewhere: Workspace, exported: bytes) -> None:
    members = unzipped(exported)
    first, *others = json.loads(members["reports.json"])
    for reports in ([first, first], [first | {"epoch": 2**70}], [first | {"epoch": 0}], [[]] * 3, {"a": 1}, others * 9):
        refused(elsewhere, zipped(members | {"reports.json": json.dumps(reports).encode()}))
    refused(elsewhere, zipped(members | {"reports.json": b"[" * 100_000}))
    refused(elsewhere, zipped(members | {"reports.json": b"[1e999]"}))


# Bombs


def compressed(members: Members) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return file.getvalue()


def test_bomb_is_refused_before_it_is_unpacked(elsewhere: Workspace, exported: bytes) -> None:
    members = unzipped(exported)
    assert "ranks.safetensors must not be compressed" in refused(elsewhere, compressed(members))
    bomb = compressed(members | {"log.txt": b" " * (9 << 20)})
    assert len(bomb) < 1 << 20
    assert "log.txt must have 8,388,608 bytes at most" in refused(elsewhere, bomb)
    assert "manifest.json must have 65,536 bytes" in refused(
        elsewhere, compressed({"manifest.json": b"[" + b" " * (9 << 20) + b"]"})
    )


def sizes_forged(content: bytes, name: str, size: int) -> bytes:
    """With another unpacked size of a member in its central record, where readers look."""
    record = content.rindex(b"PK\x01\x02", 0, content.rindex(name.encode()))
    return content[: record + 24] + size.to_bytes(4, "little") + content[record + 28 :]


@pytest.mark.parametrize("size", [0, 10, 2**32 - 2])
@pytest.mark.parametrize("name", ["log.txt", "run.json", "weights.safetensors"])
def test_size_that_a_member_does_not_have_is_refused(
    elsewhere: Workspace, exported: bytes, name: str, size: int
) -> None:
    refused(elsewhere, sizes_forged(exported, name, size))


def test_tensor_whose_header_claims_more_than_is_there_is_refused(elsewhere: Workspace, exported: bytes) -> None:
    header = json.dumps({"bias": {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 2**62]}}).encode()
    forged = len(header).to_bytes(8, "little") + header
    refused(elsewhere, zipped(unzipped(exported) | {"weights.safetensors": forged}))
    refused(elsewhere, zipped(unzipped(exported) | {"weights.safetensors": (2**60).to_bytes(8, "little")}))


# Anything at all


def test_random_damage_gives_one_sentence_or_changes_nothing(exported: bytes) -> None:
    """A byte of the zip's own that nobody reads (a date, say) may change: then the run is the very same."""

    @given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4))
    @example(places=[(0.0, 255)])
    def damaged(places: list[tuple[float, int]]) -> None:
        content = bytearray(exported)
        for place, flip in places:
            content[int(place * len(content))] ^= flip
        try:
            contents = archive.read(io.BytesIO(bytes(content)), "run.zip", expected_weights)
        except RunError as error:
            assert "\n" not in str(error)
            return
        assert archive.same(contents, archive.read(io.BytesIO(exported), "run.zip", expected_weights))

    damaged()


def test_random_forgery_with_hashes_that_fit_gives_one_sentence_or_a_run_that_fits_itself(exported: bytes) -> None:
    members = unzipped(exported)

    @given(
        member=st.sampled_from(["run.json", "data.json", "reports.json", "ranks.safetensors", "weights.safetensors"]),
        place=st.floats(0, 1, exclude_max=True),
        put=st.binary(max_size=6),
        cut=st.integers(0, 6),
    )
    def forged(member: str, place: float, put: bytes, cut: int) -> None:
        start = int(place * len(members[member]))
        changed = members[member][:start] + put + members[member][start + cut :]
        try:
            contents = archive.read(io.BytesIO(zipped(members | {member: changed})), "run.zip", expected_weights)
        except RunError as error:
            assert "\n" not in str(error)
            return
        file = io.BytesIO()
        archive.write(contents, file)
        assert archive.same(archive.read(file, "run.zip", expected_weights), contents)

    forged()
