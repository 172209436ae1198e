"""Keys: which files are taken, and which connections they encrypt."""

from __future__ import annotations

import os

import pytest
import zmq

from zlog_logging import ZlogHandler
from zlog_logging._keys import Keys, fingerprint

SERVER = zmq.curve_keypair()[0].decode()


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """The directory of keys of a machine that has one."""
    monkeypatch.setenv("ZLOG_KEYS", str(tmp_path))
    public, secret = zmq.curve_keypair()
    path = tmp_path / "machine.key"
    path.write_text(f'curve\n    public-key = "{public.decode()}"\n'
                    f'    secret-key = "{secret.decode()}"\n')
    path.chmod(0o600)
    return tmp_path


def servers(directory, text: str) -> None:
    path = directory / "known_servers"
    path.write_text(text)
    path.chmod(0o600)


@pytest.mark.parametrize("entry", ["logs", "LOGS:5", "# comment\n\n\tlogs"])
def test_a_known_server_is_found_by_host_or_by_host_and_port(directory, entry):
    servers(directory, f"other {SERVER}\n{entry} {SERVER} its name\n")
    own, server = Keys()._server_of("tcp://logs:5")
    assert server.decode() == SERVER
    assert zmq.curve_public(own.secret) == own.public
    assert Keys()._server_of("tcp://unknown:5") is None
    assert Keys()._server_of("ipc:///tmp/logs:5") is None


def test_an_entry_without_a_valid_key_never_means_no_encryption(directory):
    servers(directory, f"logs {SERVER[:-1]}\n")
    with pytest.raises(ValueError, match="'logs' .* no valid key"):
        ZlogHandler(connect="tcp://logs:5")


def test_with_a_key_that_is_named_every_server_must_be_known(directory):
    key = directory / "machine.key"
    with pytest.raises(ValueError, match="the server's key is not known"):
        ZlogHandler(connect="tcp://logs:5", key=key)
    servers(directory, f"logs {SERVER}\n")
    ZlogHandler(connect="tcp://logs:5", key=key).close()


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_files_that_others_may_read_or_write_are_not_trusted(directory):
    servers(directory, f"logs {SERVER}\n")
    (directory / "known_servers").chmod(0o664)
    with pytest.raises(ValueError, match="others may write .* chmod go-w"):
        ZlogHandler(connect="tcp://logs:5")
    (directory / "known_servers").chmod(0o644)
    (directory / "machine.key").chmod(0o640)
    with pytest.raises(ValueError, match="others may read the secret key .*mode 0640"):
        ZlogHandler(connect="tcp://logs:5")


@pytest.mark.parametrize("endpoint", ["tcp://*:5", "tcp://0.0.0.0:5", "tcp://[::]:5"])
def test_without_a_key_nothing_is_bound_beyond_loopback(tmp_path, monkeypatch, endpoint):
    monkeypatch.setenv("ZLOG_KEYS", str(tmp_path))
    with pytest.raises(ValueError, match="zlog keygen"):
        ZlogHandler(bind=endpoint)
    ZlogHandler(bind=endpoint, insecure=True).close()
    ZlogHandler(bind="tcp://127.0.0.1:5").close()
    ZlogHandler(bind="tcp://localhost:5").close()
    ZlogHandler(bind="tcp://[::1]:5").close()


def test_a_fingerprint_is_that_of_zlog():
    # As `zlog keygen --list` prints it: 16 bytes of BLAKE2b.
    assert fingerprint(b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7") == (
        "f4cc:e7d6:987f:c4fa:c243:2b74:6db2:72bd"
    )
