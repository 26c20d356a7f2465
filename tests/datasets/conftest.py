"""A data home of the test's own, and a server on this machine in the place of the publisher's."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from minidl.datasets import files, formats

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers each path with the function in `answers`, and counts the requests."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def publish(self, name: str, content: bytes, answer: Answer | None = None) -> files.Published:
        self.answers["/" + name] = answer or whole(content)
        return published(name, content)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        with suppress(ConnectionError):  # the client has gone: some tests make it go
            self.server.answers.get(self.path, lambda handler: handler.send_error(404))(self)

    def log_message(self, format, *args):
        pass


def published(name: str, content: bytes) -> files.Published:
    return files.Published(name, len(content), hashlib.sha256(content).hexdigest())


def whole(content: bytes) -> Answer:
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINIDL_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as running:
        monkeypatch.setattr(files, "_SOURCE", running.url)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def arrays() -> dict[str, np.ndarray]:
    """Arrays of the true shapes, all different, and easy to compress."""
    images = {key: np.zeros(formats.SHAPES[key], np.uint8) for key in ("x_train", "x_test")}
    images["x_train"][:, 0, 0] = np.arange(60000) % 251
    images["x_test"][:, 5, 7] = np.arange(10000) % 199
    labels = {"y_train": np.arange(60000) % 10, "y_test": np.arange(10000) // 3 % 10}
    return images | {key: y.astype(np.uint8) for key, y in labels.items()}


@pytest.fixture(scope="session")
def npz(arrays: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The arrays as the bytes of an archive."""
    path = tmp_path_factory.mktemp("archive") / "data.npz"
    np.savez_compressed(path, **arrays)
    return path.read_bytes()
