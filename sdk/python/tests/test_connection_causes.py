"""Each cause of a connection that never came to be has words of its own, in both faces and over sockets too."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from capsuled import AsyncClient, Client, errors
from capsuled._async.commands import AsyncCommands
from capsuled._core.connection_causes import cause_of
from capsuled._core.wire import silent
from capsuled._sync.commands import Commands

KEY = "wrn_" + "0" * 40


def words_of(url: str, context: ssl.SSLContext | None = None) -> list[str]:
    """What is said of one server by a request and by a socket, in both faces."""

    async def asynchronously() -> list[str]:
        async with AsyncClient(url=url, api_key=KEY, retries=0, reconnect_timeout=0, ssl_context=context) as client:
            with pytest.raises(errors.ConnectionFailedError) as asked:
                await client.teams.list()
            with pytest.raises(errors.ConnectionFailedError) as streamed:
                async for _ in AsyncCommands(client.transport, "cl-a").stream("true"):
                    pass
        return [str(asked.value), str(streamed.value)]

    with Client(url=url, api_key=KEY, retries=0, reconnect_timeout=0, ssl_context=context) as client:
        with pytest.raises(errors.ConnectionFailedError) as asked:
            client.teams.list()
        assert not asked.value.was_reached
        with pytest.raises(errors.ConnectionFailedError) as streamed:
            for _ in Commands(client.transport, "cl-a").stream("true"):
                pass
    return [str(asked.value), str(streamed.value), *asyncio.run(asynchronously())]


def test_nobody_who_listens_is_told_with_what_starts_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for said in words_of(f"http://127.0.0.1:{port}"):
        assert f"127.0.0.1:{port}: the connection was refused. Is it running? `capsuled start`" in said


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (socket.EAI_NONAME, "there is no host of that name. Check CAPSULED_URL"),
        (socket.EAI_AGAIN, "the name service does not answer."),
    ],
)
def test_a_name_that_leads_nowhere_is_told_from_a_name_service_that_is_silent(
    code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(code, "as the resolver says it")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    for said in words_of("http://capsules.test:8080"):
        assert f"capsules.test:8080: {words}" in said


def test_a_host_that_cannot_be_reached_and_one_that_refuses_from_afar_are_told_apart() -> None:
    far = "http://capsules.test:8080"
    assert cause_of(OSError(errno.EHOSTUNREACH, "x"), far).startswith("the host cannot be reached (EHOSTUNREACH). Is it up")
    assert "CAPSULED_HOST" in cause_of(ConnectionRefusedError(errno.ECONNREFUSED, "x"), far)
    assert "CAPSULED_HOST" in cause_of(ConnectionRefusedError(errno.ECONNREFUSED, "x"), "http://localhost.example:8080")
    assert "CAPSULED_HOST" not in cause_of(ConnectionRefusedError(errno.ECONNREFUSED, "x"), "http://localhost:8080")
    wrapped = RuntimeError("all attempts failed")
    wrapped.__cause__ = ConnectionRefusedError(errno.ECONNREFUSED, "x")
    assert "the connection was refused" in cause_of(wrapped, far)
    assert cause_of(RuntimeError("odd"), far) == "odd. CAPSULED_URL, or url, says where it is."


def test_a_connection_that_nobody_takes_in_time_is_a_timeout_that_says_so() -> None:
    said = str(silent("http://capsules.test:8080/v1/teams", httpx.ConnectTimeout("x")))
    assert said.startswith(
        "No server answers at http://capsules.test:8080: it did not take the connection within connect_timeout"
    )
    assert "did not answer in time" in str(silent("http://capsules.test:8080/v1/teams", httpx.ReadTimeout("x")))


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A key and a certificate for a name, signed by itself."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", "/CN=test", "-days", "2", "-addext", f"subjectAltName={name}"),
            *("-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


@contextlib.contextmanager
def server(serve_one: Callable[[socket.socket], object]) -> Iterator[str]:
    """Does one thing with each connection, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        serve_one(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_certificate_that_nobody_trusts_and_one_for_another_name_are_told_apart(tmp_path: Path) -> None:
    key, cert = certificate(tmp_path, "DNS:capsules.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with server(lambda connection: context.wrap_socket(connection, server_side=True).close()) as url:
        for said in words_of(url):
            assert "its certificate is signed by nobody whom this machine trusts" in said
            assert "SSL_CERT_FILE" in said
        trusting = ssl.create_default_context(cafile=str(cert))
        for said in words_of(url, trusting):
            assert "its certificate is for other names." in said


def test_a_certificate_that_has_expired_is_told() -> None:
    expired = ssl.SSLCertVerificationError(1, "certificate verify failed")
    expired.verify_code, expired.verify_message = 10, "certificate has expired"
    assert cause_of(expired, "https://capsules.test") == "its certificate has expired. Renew it on the server."
    expired.verify_code, expired.verify_message = 23, "certificate revoked"
    assert "(certificate revoked)" in cause_of(expired, "https://capsules.test")


def test_a_server_without_tls_is_told_with_the_address_that_it_has() -> None:
    with server(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")) as url:
        said_in_all = words_of(url)
    for said in said_in_all:
        assert "it does not speak TLS. CAPSULED_URL, or url, begins with http://" in said
