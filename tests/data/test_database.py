"""A log in a database: streamed by a query that reads, and nothing is changed there."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest

from nmtr.data.catalogue import add, preview, rebuild
from nmtr.data.database import fetch_rows
from nmtr.data.dataset import Dataset
from nmtr.data.library import Library
from nmtr.data.recipe import Recipe
from nmtr.errors import DataError
from tests.postgres import postgres

pytestmark = pytest.mark.usefixtures("read_here")

TABLE = """
CREATE TYPE kind AS ENUM ('view', 'buy');
CREATE TABLE log (who BIGINT, what UUID, kind kind, at TIMESTAMPTZ, price NUMERIC(10, 2), tags TEXT[]);
INSERT INTO log VALUES
  (9007199254740993, '00000000-0000-0000-0000-00000000000a', 'buy', '2024-03-10 23:30:00-05', 12.50, '{a,b}'),
  (9007199254740993, '00000000-0000-0000-0000-00000000000b', 'buy', '2024-03-11 05:00:00+01', 3.00, NULL),
  (9007199254740993, '00000000-0000-0000-0000-00000000000b', 'view', '2024-03-01 05:00:00+00', 3.00, NULL),
  (9007199254740992, '00000000-0000-0000-0000-00000000000a', 'buy', '2024-03-01 05:00:00+00', 12.50, NULL),
  (9007199254740992, '00000000-0000-0000-0000-00000000000a', 'view', '2024-03-01 04:00:00+00', 12.50, NULL);
CREATE TABLE many AS SELECT n % 1000 AS "user", n % 777 AS item, 'buy' AS behavior FROM generate_series(1, 300000) n;
"""
QUERY = (
    "SELECT who AS user_id, what AS item_id, kind AS event, at AS event_time, price FROM log WHERE at > '2024-01-01'"
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as address:
        with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
            connection.execute("CREATE ROLE locked LOGIN PASSWORD 'pa/ss'")
            connection.execute(TABLE)
        yield f"{address}/postgres"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "home")


def held_out(dataset: Dataset) -> dict[str, str]:
    tested = np.flatnonzero(dataset.test_item >= 0)
    return {str(dataset.users[user]): str(dataset.items[dataset.test_item[user]]) for user in tested}


def test_the_last_purchase_is_held_out_across_time_zones(library: Library, server: str) -> None:
    """23:30 in New York is half an hour after 5:00 in Paris."""
    made = add(library, "shop", server, recipe=Recipe(query=QUERY))
    assert held_out(made) == {"9007199254740993": "00000000-0000-0000-0000-00000000000a"}
    assert sorted(map(str, made.users)) == ["9007199254740992", "9007199254740993"], "a double cannot hold both"
    assert made.behaviors == ("view", "buy")
    assert made.attributes is not None and made.attributes["price"].tolist() == [12.5, 3.0]
    assert made.origin.source == "postgresql://127.0.0.1/postgres", "neither user nor password"


def test_its_recipe_makes_it_anew(library: Library, server: str) -> None:
    add(library, "shop", server, recipe=Recipe(query=QUERY))
    again, same = rebuild(library, "shop", server, "again")
    assert same and again.fingerprint == library.load("shop").fingerprint


def test_a_preview_adds_nothing(library: Library, server: str) -> None:
    seen = preview(library, server, Recipe(query=QUERY))
    assert seen.rows and not library.names()


def test_sqlite_is_read_and_not_made(library: Library, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE log (user, item, behavior, time)")
        rows = [("u", "a", "buy", 2), ("u", "b", "buy", 1), ("u", "c", "view", 3)]
        database.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", rows)
    made = add(library, "shop", f"sqlite:///{tmp_path}/shop.db", recipe=Recipe(query="SELECT * FROM log"))
    assert held_out(made) == {"u": "a"} and made.origin.source == "sqlite:///shop.db"
    with pytest.raises(DataError, match="sqlite:///none.db must be reachable.*unable to open"):
        add(library, "other", f"sqlite:///{tmp_path}/none.db", recipe=Recipe(query="SELECT 1"))
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (None, "a database is read by a query, but none was given for postgresql://127.0.0.1/postgres: .*--query"),
        ("DROP TABLE log", "a query must read: SELECT .*; got DROP TABLE log"),
        ("-- SELECT\n/* SELECT */ DELETE FROM log", "a query must read: .*; got -- SELECT"),
        ("SELECT 1; DROP TABLE log", "must be able to answer the query"),
        ("WITH gone AS (DELETE FROM log RETURNING *) SELECT * FROM gone", "must be able to answer the query"),
        ("SELECT nobody FROM log", 'must be able to answer the query; it says: column "nobody" does not exist'),
        ("SELECT who AS user, what AS item, tags AS behavior FROM log", "one is lists or records: cast it to text"),
        (
            "SELECT who AS user, what AS item, kind AS event FROM log WHERE false",
            "a data set needs events; postgresql://.* has none below its header",
        ),
        ("SELECT 1 AS x", "must have columns user, item and behavior; it has x"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    library: Library, server: str, query: str | None, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        add(library, "shop", server, recipe=Recipe(query=query))
    assert not library.root.exists()
    with psycopg.connect(server) as connection:
        assert connection.execute("SELECT count(*) FROM log").fetchone() == (5,)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("postgresql://nobody:secret@127.0.0.1:1/shop", "must be reachable to be read, but is not .*refused"),
        ("oracle://u:secret@h/shop", "needs a driver that is not installed .*: install it with pip"),
        ("nothing://u:secret@h/shop", "needs a driver that is not installed"),
        ("postgresql://u:sec@ret@h:x/shop", "a database's address must be KIND://USER"),
    ],
)
def test_a_database_that_cannot_be_reached_says_why_and_no_password(
    library: Library, address: str, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        add(library, "shop", address, recipe=Recipe(query="SELECT 1"))
    assert "secret" not in str(caught.value) and "ret@" not in str(caught.value)


def test_rows_are_streamed(server: str, tmp_path: Path) -> None:
    """Of 300,000 rows some 10,000 are in memory at once: told of after each, and stopped after the second."""
    told: list[str] = []

    def tell(what: str, share: float) -> None:
        told.append(what)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_rows(server, "SELECT * FROM many", tmp_path / "rows.csv", tell)
    assert [what.split(": ")[1] for what in told] == ["10,000 rows", "20,000 rows"]


def test_a_percent_sign_and_a_colon_are_the_query_s_own(server: str, tmp_path: Path) -> None:
    query = "SELECT who::text AS u, to_char(at, 'HH:MI') AS t FROM log WHERE kind::text LIKE 'v%' ORDER BY who"
    fetch_rows(server, query, tmp_path / "rows.csv", lambda what, share: None)
    assert (tmp_path / "rows.csv").read_text() == "u,t\n9007199254740992,04:00\n9007199254740993,05:00\n"


def test_the_command_reads_a_database(server: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nmtr", "data", "add", "shop", "--from", server, "--query", QUERY, "--json"]
    done = subprocess.run(command, env={"NMTR_HOME": str(tmp_path), "PATH": ""}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["test_users"] == 1
