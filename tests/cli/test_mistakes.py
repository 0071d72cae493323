"""Every mistake gives exit code 2, nothing on stdout, one sentence on stderr, and leaves nothing behind."""

from __future__ import annotations

import gzip
import io
import shlex
import shutil
import socket
import zipfile
from pathlib import Path

import pytest

from nmtr.config.methods import METHODS
from nmtr.workspace import Workspace
from tests.cli.conftest import SMALL, Answer, Nmtr, events

ADD = "data add mine --from {files}"
TRAIN = "train --data shop"
NO_RUN = "A run must be named by its id; there is no run {}, so see the list of runs."
NO_DATA = (
    "data set must be one of those added (shop, spare); got {!r}; add it with `nmtr data add` or on the Data page."
)
LAMBDAS = "--lambdas must be numbers or fractions, such as 0.4,0.6 or 1/3,2/3; got {!r}."
SIMPLEX = "lambdas must be numbers of at least 0; got {}."
ORDER = "behaviors must be in the order view, cart, buy, once each, with the target buy last; got {}."
PAIRS = "{} must look like name=value,name=value with each name once; got {!r}."
NAMES = "--behaviors must be names with commas between them, such as view,buy; got {!r}."
NAME = (
    "a data set's name must be 1 to 64 lower-case letters, digits, - or _, beginning with a letter or digit; got {!r}."
)
TAKEN = "a new data set needs a name of its own; shop is taken: choose another, or remove that one first."
OPTIONS = (
    "data, behaviors, protocol, validation, sample, method, unit, lambdas, cascade, embedding, training, shared_side, "
    "item_bias, unseen_share, loss, solver, l2_scaling, unobserved_weight, epochs, patience, rank_every, refit, "
    "watch_test, hold_out_lower, embedding_size, layers, negatives, dropout, optimizer, initial_scale, learning_rate, "
    "l2_embeddings, l2_towers, batch_size, seed, threads"
)
CUT = " must be a whole {} file, but is cut off, damaged or locked ({}); get it again."

#: (command line, its sentence); {files} is the folder of `files`, {done}, {running} … the id of a run in that state
MISTAKES = [
    (f"{TRAIN} --lambdas 0.5,0.5,0.5", "lambdas must sum to 1; got 0.5, 0.5, 0.5, which sum to 1.5."),
    (f"{TRAIN} --lambdas 0.5,0.5", "lambdas must have one weight per behavior (3: view, cart, buy); got 2."),
    (
        f"{TRAIN} --lambdas=",
        "lambdas is empty; give one weight per behavior, or leave it out for equal weights.",
    ),
    (f"{TRAIN} --lambdas a,b,c", LAMBDAS.format("a")),
    (f"{TRAIN} --lambdas 0.5,,0.5", LAMBDAS.format("")),
    (f"{TRAIN} --lambdas 1/0,1/2,1/2", LAMBDAS.format("1/0")),
    (f"{TRAIN} --lambdas=-1,1,1", SIMPLEX.format("-1, 1, 1")),
    (f"{TRAIN} --lambdas nan,0.5,0.5", SIMPLEX.format("nan, 0.5, 0.5")),
    (f"{TRAIN} --lambdas inf,0,0", SIMPLEX.format("inf, 0, 0")),
    ("train --data nowhere", NO_DATA.format("nowhere")),
    ("train --data ../shop", NO_DATA.format("../shop")),
    ("train --data ''", "data must have at least 1 character; got nothing."),
    (f"{TRAIN} --behaviors buy,view", ORDER.format("buy, view")),
    (f"{TRAIN} --behaviors view,cart", ORDER.format("view, cart")),
    (f"{TRAIN} --behaviors view,view,buy", ORDER.format("view, view, buy")),
    (f"{TRAIN} --behaviors view,fav,buy", "behaviors must be among view, cart, buy of data set shop; got fav."),
    (f"{TRAIN} --behaviors view,,buy", NAMES.format("view,,buy")),
    (f"{TRAIN} --behaviors ''", NAMES.format("")),
    (f"{TRAIN} --priority 1", "--priority and --owner are for runs that wait their turn; give --queue too."),
    (f"{TRAIN} --queue --priority high", "--priority must be a whole number from -1000 to 1000; got high."),
    ("queue move aaaaaaaa", NO_RUN.format("aaaaaaaa")),
    ("queue move {done}", "A run must be queued to be moved; run {done} is done."),
    ("queue stop", "No such command 'stop'; see nmtr queue --help."),
    (f"{TRAIN} --unit gru", "unit must be one of gmf, mlp or neumf; got gru."),
    (f"{TRAIN} --unit view=gmf,cart=gru,buy=gmf", "unit must be one of gmf, mlp or neumf; got gru."),
    (f"{TRAIN} --unit view=gmf,buy=mlp", "unit must name each behavior once (view, cart, buy); got view, buy."),
    (
        f"{TRAIN} --unit view=gmf,cart=gmf,bought=mlp",
        "unit must name each behavior once (view, cart, buy); got view, cart, bought.",
    ),
    (f"{TRAIN} --unit view=gmf,cart", PAIRS.format("--unit", "view=gmf,cart")),
    (f"{TRAIN} --unit view=gmf,view=mlp", PAIRS.format("--unit", "view=gmf,view=mlp")),
    (f"{TRAIN} --protocol loose", "protocol must be one of standard or clean; got loose."),
    (f"{TRAIN} --method svd", f"method must be one of {', '.join(METHODS)}; got svd."),
    (
        f"{TRAIN} --method mlp --loss squared",
        "mlp learns by the losses shared, sampled, exact; got squared: choose one of these, or another method.",
    ),
    (
        f"{TRAIN} --method bpr --loss exact",
        "bpr has no option loss; leave it out, or choose another method.",
    ),
    (
        f"{TRAIN} --training sequential --lambdas 0,0,1",
        "sequential training weighs one behavior at a time; leave lambdas out.",
    ),
    (
        f"{TRAIN} --training sequential --epochs 2",
        "sequential training needs as many epochs as behaviors (3) or more; got 2.",
    ),
    (f"{TRAIN} --cascade product", "cascade must be one of sum, mean or none; got product."),
    (f"{TRAIN} --method bpr --cascade mean", "bpr has no option cascade; leave it out, or choose another method."),
    (f"{TRAIN} --sample cart=2", "sample must be shares above 0 and up to 1; got 2 of cart."),
    (f"{TRAIN} --sample buy=0.5", "sample must name behaviors below the target (view, cart); got buy."),
    (f"{TRAIN} --sample cart", PAIRS.format("--sample", "cart")),
    (
        f"{TRAIN} --sample cart=half",
        "--sample must be numbers or fractions, such as cart=0.5 or cart=1/2; got 'half'.",
    ),
    (f"{TRAIN} --loss hinge", "loss must be one of sampled, shared, exact or squared; got hinge."),
    (f"{TRAIN} --optimizer sgd", "optimizer must be one of adagrad or adam; got sgd."),
    (f"{TRAIN} --epochs 0", "epochs must be greater than or equal to 1; got 0."),
    (f"{TRAIN} --epochs ten", "epochs must be a valid integer; got ten."),
    (f"{TRAIN} --epochs", "Option '--epochs' requires an argument."),
    (f"{TRAIN} --dropout 1", "dropout must be less than 1; got 1."),
    (
        f"{TRAIN} --method popularity --epochs 3",
        "popularity has no option epochs; leave it out, or choose another method.",
    ),
    (
        f"{TRAIN} --method bpr --lambdas 0,0,1",
        "bpr has no option lambdas; leave it out, or choose another method.",
    ),
    (
        f"{TRAIN} --method last-behavior --behaviors buy",
        "last-behavior ranks by the behavior before the target, so it needs two or more behaviors; got buy alone.",
    ),
    (f"{TRAIN} --epoch 3", "No such option: --epoch (Possible options: --epochs); see nmtr train --help."),
    (f"{TRAIN} extra", "Got unexpected extra argument(s) (extra); see nmtr train --help."),
    (
        f"{TRAIN} --config {{files}}/missing.json",
        "--config needs a JSON file; {files}/missing.json cannot be read (No such file or directory).",
    ),
    (f"{TRAIN} --config {{files}}", "--config needs a JSON file; {files} cannot be read (Is a directory)."),
    (
        f"{TRAIN} --config {{files}}/broken.json",
        "--config needs a JSON file; {files}/broken.json is not JSON (line 1).",
    ),
    (
        f"{TRAIN} --config {{files}}/list.json",
        "--config needs a JSON object of options; {files}/list.json holds a list.",
    ),
    (
        f"{TRAIN} --config {{files}}/latin.json",
        "--config needs a JSON file in UTF-8; {files}/latin.json is not.",
    ),
    (f"{TRAIN} --config {{files}}/unknown.json", f"epoch is not an option; the options are {OPTIONS}."),
    (f"{TRAIN} --config {{files}}/wrong.json", "epochs must be a valid integer; got many."),
    (
        "data add mine",
        "a data set without a source must be one of the catalogue's (demo, beibei, tmall, beibei_1k); got mine: "
        "say where it comes from with --from, or upload it.",
    ),
    (
        f"{ADD}/missing.csv",
        "a data set's source must be a file or folder that can be read; {files}/missing.csv is not (No such file or "
        "directory): name another.",
    ),
    (f"{ADD}/nothing", "nothing must hold events or interactions, but there is no such file in it."),
    (f"{ADD}/empty.csv", "empty.csv must hold events or interactions; it is empty."),
    (f"{ADD}/header.csv", "a data set needs events; header.csv has none below its header."),
    (
        f"{ADD}/binary.csv",
        "binary.csv must be text (CSV or TSV in UTF-8) or Parquet; it holds other binary data.",
    ),
    (f"{ADD}/cut.zip", "cut.zip" + CUT.format("zip", "File is not a zip file")),
    (
        f"{ADD}/cut.csv.gz",
        "cut.csv.gz" + CUT.format("gzip", "Compressed file ended before the end-of-stream marker was reached"),
    ),
    (
        f"{ADD}/no_behavior.csv",
        "no_behavior.csv must have a column behavior; it has user, item: "
        "say which one it is with --columns behavior=NAME, or --columns behavior==buy if all its rows are of one "
        "behavior.",
    ),
    (
        f"{ADD}/nan.csv",
        "every event needs a user; 1 of the 145 in nan.csv have none, the first is event 145: "
        "fill them in, or leave them out (--skip-bad).",
    ),
    (
        f"{ADD}/blank.csv",
        "every event needs an item; 1 of the 145 in blank.csv have none, the first is event 145: "
        "fill them in, or leave them out (--skip-bad).",
    ),
    (
        f"{ADD}/ragged.csv",
        "every quoted value of ragged.csv must have closed quotes; line 146 has one that has not.",
    ),
    (
        f"{ADD}/views.csv --behaviors view,buy",
        "behaviors must have rows in views.csv, which holds view; got buy, which has none.",
    ),
    (
        f"{ADD}/lonely.csv",
        "every behavior needs rows to learn from, of users who have a buy; lonely.csv holds none of cart: "
        "leave it out with --behaviors.",
    ),
    (
        f"{ADD}/unclear.csv",
        "the order of the behaviors must be given where their names do not tell it; unclear.csv holds grab, stare: "
        "name those to use with --behaviors, lowest first and the one to recommend for last.",
    ),
    (f"{ADD}/views.csv --columns behavior", PAIRS.format("--columns", "behavior")),
    (f"{ADD}/views.csv --columns ''", PAIRS.format("--columns", "")),
    (
        f"{ADD}/views.csv --columns color=item",
        "--columns can name user, item, behavior, time, split, title, category, price, image; got color.",
    ),
    (
        f"{ADD}/views.csv --columns user=buyer",
        "views.csv must have a column buyer; it has user, item, behavior: "
        "say which one it is with --columns user=NAME.",
    ),
    ("data add shop --from {files}/views.csv", TAKEN),
    ("data add ../mine --from {files}/views.csv", NAME.format("../mine")),
    ("data add '' --from {files}/views.csv", NAME.format("")),
    (
        "data add demo --from {files}/views.csv",
        "demo is generated, not read; choose another name for views.csv.",
    ),
    (
        "data add demo --behaviors view,fav",
        "behaviors must be among view, cart, buy of data set demo; got fav.",
    ),
    ("data add demo --behaviors view,view,buy", ORDER.format("view, view, buy")),
    ("data add demo --behaviors cart,view,buy", ORDER.format("cart, view, buy")),
    ("data add beibei --behaviors view,cart", ORDER.format("view, cart")),
    (f"{ADD}/views.csv --behaviors view,view", "behaviors must be named once each; got view, view."),
    ("data show nowhere", NO_DATA.format("nowhere")),
    ("data show ../shop", NO_DATA.format("../shop")),
    ("data show", "Missing argument 'NAME…'; see nmtr data show --help."),
    ("data remove nowhere", NO_DATA.format("nowhere")),
    ("data remove shop", "data set shop is needed by run {queued}: cancel that first."),
    ("data", "Missing command; see nmtr data --help."),
    ("data lost", "No such command 'lost' (did you mean 'list'?); see nmtr data --help."),
    ("show nobody22", NO_RUN.format("nobody22")),
    ("show ../shop", NO_RUN.format("../shop")),
    ("show 'two\nlines'", NO_RUN.format("two lines")),
    ("cancel nobody22", NO_RUN.format("nobody22")),
    ("cancel {done}", "A run must be queued or running to be cancelled; run {done} is done."),
    ("resume nobody22", NO_RUN.format("nobody22")),
    ("resume {done}", "A run must be failed or cancelled to be resumed; run {done} is done."),
    (
        "resume {running}",
        "A run must be failed or cancelled to be resumed; run {running} is running, so cancel it first.",
    ),
    ("delete nobody22", NO_RUN.format("nobody22")),
    (
        "delete {running}",
        "A run must be queued or done or failed or cancelled to be deleted; run {running} is running, "
        "so cancel it first.",
    ),
    ("evaluate nobody22", NO_RUN.format("nobody22")),
    ("evaluate {failed}", "run {failed} must be done for this; it is failed: wait for it, or resume it."),
    (
        "recommend {queued} --user u1",
        "run {queued} must be done for this; it is queued: wait for it, or resume it.",
    ),
    (
        "recommend {done} --user nobody",
        "user must be one of the 12 users of data set shop, such as u0; got nobody (users without a buy are not in "
        "it).",
    ),
    ("recommend {done} --user u1 --top 0", "--top must be a whole number from 1 to 10000; got 0."),
    ("recommend {done} --user u1 --top few", "--top must be a whole number from 1 to 10000; got few."),
    ("recommend {done}", "a list needs --user U, --users all or --history view=item,item, one of them; got none."),
    (
        "explain {done} --user u1 --item nothing",
        "item must be one of the 9 items of data set shop, such as i0; got nothing.",
    ),
    (
        "explain {cancelled} --user u1 --item i1",
        "run {cancelled} must be done for this; it is cancelled: wait for it, or resume it.",
    ),
    ("items nobody22", NO_RUN.format("nobody22")),
    ("items {queued}", "run {queued} must be done for this; it is queued: wait for it, or resume it."),
    (
        "items {done} --item nothing",
        "item must be one of the 9 items of data set shop, such as i0; got nothing.",
    ),
    ("items {done} --top 0", "--top must be a whole number from 1 to 10000; got 0."),
    (
        "items {done} --item i1 --csv {files}/new.csv",
        "--csv is for all items; leave --item out, or ask for one item's --json.",
    ),
    (
        "items {done} --csv {files}",
        "--csv needs a file that can be written; {files} cannot (Is a directory).",
    ),
    (
        "items {done} --csv {files}/nowhere/new.csv",
        "--csv needs a file that can be written; {files}/nowhere/new.csv cannot (No such file or directory).",
    ),
    ("dashboard --port 0", "--port must be a whole number from 1 to 65535; got 0."),
    ("dashboard --port 65536", "--port must be a whole number from 1 to 65535; got 65536."),
    ("dashboard --port http", "--port must be a whole number from 1 to 65535; got http."),
    ("trian", "No such command 'trian' (did you mean 'train'?); see nmtr --help."),
]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that are wrong, each in its own way; views.csv is not."""
    folder = tmp_path_factory.mktemp("wrong")
    good = events()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("shop.csv", good)
    contents = {
        "views.csv": "user,item,behavior\nann,cup,view\nbob,cup,view\n",
        "no_behavior.csv": "user,item\nann,cup\n",
        "header.csv": "user,item,behavior\n",
        "empty.csv": "",
        "nan.csv": good + "nan,i1,buy,\n",
        "blank.csv": good + "u1,,buy,\n",
        "ragged.csv": good + 'u1,"i1,buy\n',
        "lonely.csv": "user,item,behavior\nann,cup,cart\nbob,cup,buy\nbob,mug,buy\n",
        "unclear.csv": "user,item,behavior\nann,cup,stare\nann,cup,grab\n",
        "binary.csv": bytes(range(256)) * 20,
        "cut.zip": archive.getvalue()[:150],
        "cut.csv.gz": gzip.compress(good.encode())[:60],
        "unknown.json": '{"epoch": 3}',
        "broken.json": '{"epochs": 3',
        "list.json": "[1, 2]",
        "wrong.json": '{"epochs": "many"}',
        "latin.json": b'{"data": "caf\xe9"}',
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "nothing").mkdir()
    return folder


def refused(answer: Answer, sentence: str) -> None:
    assert (answer.code, answer.out, answer.err) == (2, "", f"{sentence}\n")


def contents(home: Path) -> tuple[object, ...]:
    """What is in a home, half-made things included."""
    workspace = Workspace(home)
    runs = [(run.id, run.state) for run in workspace.runs.list()]
    workspace.runs.close()
    return runs, sorted((home / "data").rglob("*")), sorted((home / "runs").rglob("*"))


@pytest.mark.parametrize(("line", "sentence"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_mistake_is_answered_with_one_sentence_and_leaves_nothing(
    line: str, sentence: str, nmtr: Nmtr, home: Path, runs: dict[str, str], files: Path
) -> None:
    before = contents(home)
    answer = nmtr(*shlex.split(line.format(files=files, **runs)))
    refused(answer, sentence.format(files=files, **runs))
    assert contents(home) == before


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("export zzzzzzzz", NO_RUN.format("zzzzzzzz")),
        ("export ../shop", NO_RUN.format("../shop")),
        (
            "export {failed} {files}/new.zip",
            "run {failed} must be done for this; it is failed: wait for it, or resume it.",
        ),
        (
            "export {done} {files}/empty.csv",
            "an export needs a new file; {files}/empty.csv is there: name another, or remove that one first.",
        ),
        (
            "export {done} {files}/missing/new.zip",
            "an export needs a file that can be written; {files}/missing/new.zip cannot (No such file or directory).",
        ),
        (
            "import {files}/missing.zip",
            "an import needs a file that can be read; {files}/missing.zip cannot (No such file or directory).",
        ),
        ("import {files}", "an import needs a file that can be read; {files} cannot (Is a directory)."),
        (
            "import {files}/cut.zip",
            "cut.zip must be a whole archive of a run, as nmtr export writes it, but is damaged or something else "
            "(File is not a zip file); get it again.",
        ),
    ],
)
def test_mistake_with_a_file_of_a_run_is_answered_with_one_sentence_and_leaves_nothing(
    line: str, sentence: str, nmtr: Nmtr, home: Path, runs: dict[str, str], files: Path
) -> None:
    before = contents(home), sorted(files.rglob("*"))
    refused(nmtr(*shlex.split(line.format(files=files, **runs))), sentence.format(files=files, **runs))
    assert (contents(home), sorted(files.rglob("*"))) == before


def test_dashboard_refuses_a_port_that_is_taken(nmtr: Nmtr, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        answer = nmtr("dashboard", "--port", port)
    refused(
        answer,
        f"the dashboard needs an address and a port to listen at, but localhost port {port} cannot be had "
        "(Address already in use): stop what listens there, or choose another with --port.",
    )


@pytest.mark.parametrize(("home", "reason"), [("file", "File exists"), ("file/below", "Not a directory")])
def test_home_that_cannot_be_written_is_refused(
    home: str, reason: str, nmtr: Nmtr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("NMTR_HOME", str(tmp_path / home))
    refused(
        nmtr("data", "list"),
        f"NMTR_HOME must be a folder that can be written; {tmp_path / home} is not ({reason}): name another.",
    )


@pytest.mark.parametrize("damaged", ["dataset.json", "interactions.parquet"])
def test_damaged_data_set_is_refused_and_can_be_removed(
    damaged: str, nmtr: Nmtr, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(home / "data" / "spare", tmp_path / "data" / "spare")
    monkeypatch.setenv("NMTR_HOME", str(tmp_path))
    (tmp_path / "data" / "spare" / damaged).write_bytes(b"damaged")
    for command in (["data", "show", "spare"], ["train", "--data", "spare"]):
        answer = nmtr(*command)
        assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
        assert answer.err.startswith("data set spare must be readable, but its folder is damaged (")
        assert answer.err.endswith("); remove it and add it again.\n")
    assert nmtr("runs", "--json").json == []
    assert [entry["name"] for entry in nmtr("data", "list", "--json").json] == ["spare"]
    assert nmtr("data", "remove", "spare").code == 0
    assert nmtr("data", "list", "--json").json == []


def test_run_whose_data_set_changed_is_refused(nmtr: Nmtr, own_home: Path, shop_csv: Path, tmp_path: Path) -> None:
    options = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]
    nmtr("data", "add", "mine", "--from", shop_csv)
    run = nmtr("train", "--data", "mine", "--json", *options).json["run"]
    nmtr("data", "remove", "mine")
    refused(
        nmtr("recommend", run, "--user", "u1"),
        "data set must be one of those added (none yet); got 'mine'; add it with `nmtr data add` or on the Data page.",
    )
    (tmp_path / "other.csv").write_text(events(users=13))
    nmtr("data", "add", "mine", "--from", tmp_path / "other.csv")
    refused(
        nmtr("recommend", run, "--user", "u1"),
        f"run {run} was trained on another version of data set mine; bring that one back or train again.",
    )
