"""Which endpoint a handler without one uses. `tests/python_package.rs` has zlog at the other end."""

from __future__ import annotations

import fcntl
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import logger_of

from zlog_logging import ZlogHandler, _meeting


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("", (None, "tcp://127.0.0.1:12345")),
        ("5555", (None, "tcp://127.0.0.1:5555")),
        (":5555", (None, "tcp://127.0.0.1:5555")),
        ("log.example.org:5555", (None, "tcp://log.example.org:5555")),
        ("tcp://127.0.0.1:5555", (None, "tcp://127.0.0.1:5555")),
        ("ipc:///run/app/log.sock", (None, "ipc:///run/app/log.sock")),
        ("bind::5555", ("bind", "tcp://127.0.0.1:5555")),
        ("bind:ipc:///run/app/log.sock", ("bind", "ipc:///run/app/log.sock")),
        ("connect:tcp://127.0.0.1:12344", ("connect", "tcp://127.0.0.1:12344")),
    ],
)
def test_the_environment_sets_the_default_endpoint(monkeypatch, variable, expected):
    monkeypatch.setenv("ZLOG_ENDPOINT", variable)
    assert _meeting.default_endpoint() == expected


@pytest.mark.parametrize("role", ["bind", "connect"])
def test_an_endpoint_whose_role_the_environment_fixes_is_the_only_one(
    monkeypatch, tmp_path, reader, role
):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("ZLOG_ENDPOINT", f"{role}:{reader.endpoint}")
    reader.start(bind=role == "connect")
    handler = ZlogHandler(root="app", wait=60)
    logger_of(handler).warning("hello")
    handler.close()
    reader.wait_for(1)
    assert os.listdir(tmp_path) == []


def open_to_others(path: Path) -> None:
    path.mkdir()
    path.chmod(0o755)


def link(path: Path) -> None:
    target = path.parent / "elsewhere"
    target.mkdir(mode=0o700)
    path.symlink_to(target)


@pytest.mark.parametrize("make", [open_to_others, link, Path.touch])
def test_a_run_directory_that_others_can_change_is_not_used(monkeypatch, tmp_path, reader, make):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("ZLOG_ENDPOINT", reader.endpoint)
    make(tmp_path / "zlog")
    assert _meeting._own_directory() is None
    assert list(_meeting._registered()) == []
    reader.start()
    handler = ZlogHandler(root="app", wait=60)
    logger_of(handler).warning("hello")
    handler.close()
    reader.wait_for(1)


def test_a_process_is_found_whatever_others_remove_at_the_same_time(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    directory = _meeting._own_directory()

    def register_and_look(_):
        for _ in range(60):
            own = _meeting.Registration(directory)
            own.announce("x")
            endpoint = f"ipc://{own.socket}"
            found = [fields.get("publishes") for _, fields in _meeting._registered()]
            own.end()
            assert endpoint in found

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(register_and_look, range(8)))
    assert os.listdir(directory) == []


@contextmanager
def running_tail(monkeypatch, tmp_path, since: str):
    """The file of a ``zlog tail`` that has announced itself then, in milliseconds since 1970."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("ZLOG_ENDPOINT", "tcp://127.0.0.1:1")
    path = Path(_meeting._own_directory()) / "tail-4711.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"default tcp://127.0.0.1:1\nsince {since}\n")
        file.flush()
        yield path


@pytest.mark.parametrize(
    ("since", "is_new"),
    [
        (lambda: int(time.time() * 1000), True),
        (lambda: int(time.time() * 1000) - 60_000, False),
        (lambda: int(time.time() * 1000) + 60_000, False),
        (lambda: "9" * 3000, False),
        (lambda: "soon", False),
    ],
)
def test_a_tail_that_has_just_started_is_new(monkeypatch, tmp_path, since, is_new):
    with running_tail(monkeypatch, tmp_path, since()):
        # The machine may be busy: a moment is not always 0.2 seconds.
        monkeypatch.setattr(_meeting, "_SETTLE_TIME", 30)
        assert _meeting.has_new_reader() == is_new
        assert _meeting.missing_readers(set()) == ["tail-4711"]
        assert _meeting.missing_readers({b"tail-4711"}) == []


def test_a_tail_learns_of_a_program_that_has_ended_before_it_had_connected(monkeypatch, tmp_path):
    with running_tail(monkeypatch, tmp_path, "0") as path:
        monkeypatch.setenv("ZLOG_ENDPOINT", "")
        monkeypatch.setattr(_meeting, "DEFAULT_ENDPOINT", "tcp://127.0.0.1:1")
        monkeypatch.setattr(_meeting, "open_default", lambda publisher, keys: None)
        handler = ZlogHandler(root="app", wait=0)
        logger_of(handler).warning("hello")
        handler.close()
        assert path.read_text().endswith(f"missed {os.getpid()} 1\n")


def test_what_is_no_regular_file_is_no_registration(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    directory = Path(_meeting._own_directory())
    os.mkfifo(directory / "tail-1.lock")
    os.mkfifo(directory / f"emit-{os.getpid()}.lock")
    (directory / "tail-2.lock").symlink_to("/dev/zero")
    (directory / "tail-3.lock").mkdir()
    assert [name for name, found in _meeting._registered() if found] == []
    own = _meeting.Registration(str(directory))
    assert own.socket.endswith("-1")
    own.end()
