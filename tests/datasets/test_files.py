"""Downloads: whole or not at all, and errors that say what to do."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from minidl.datasets import files

CONTENT = bytes(range(256)) * 400  # 100 kB, more than one chunk


def left_in(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_home_is_the_users_unless_named(monkeypatch, tmp_path):
    monkeypatch.delenv("MINIDL_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.folder() == tmp_path / ".minidl" / "datasets"
    monkeypatch.setenv("MINIDL_HOME", "~/data")
    assert files.folder() == tmp_path / "data" / "datasets"
    monkeypatch.setenv("MINIDL_HOME", "")
    assert files.folder() == tmp_path / ".minidl" / "datasets"


def test_relative_home_is_seen_from_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIDL_HOME", "sub")
    assert files.folder() == tmp_path / "sub" / "datasets"
    assert files.folder().is_absolute()


def test_the_publisher_is_reached_by_https_only():
    assert files._SOURCE.startswith("https://")


def test_a_folder_in_the_place_of_the_file_is_refused(home):
    (home / "mnist.npz").mkdir(parents=True)
    with pytest.raises(OSError, match=r"mnist\.npz should be a data file, but it is a folder"):
        files.locate("mnist.npz")


def test_a_fifo_in_the_place_of_the_file_is_refused_and_not_waited_for(home):
    home.mkdir(parents=True)
    os.mkfifo(home / "mnist.npz")
    with pytest.raises(OSError, match="Move it away"):
        files.locate("mnist.npz")


def test_download(home, server):
    file = server.publish("some.npz", CONTENT)
    files.download(file, home / "some.npz", "some.npz")
    assert (home / "some.npz").read_bytes() == CONTENT
    assert left_in(home) == ["some.npz"]
    assert files.checksum(home / "some.npz") == file.sha256


def test_the_folder_belongs_to_the_user_alone(home, server):
    files.download(server.publish("some.npz", CONTENT), home / "some.npz", "some.npz")
    assert home.stat().st_mode & 0o077 == 0


def test_a_symlink_planted_in_the_place_is_replaced_not_followed(home, server, tmp_path):
    home.mkdir(parents=True)
    target = tmp_path / "elsewhere"
    (home / "some.npz").symlink_to(target)
    files.download(server.publish("some.npz", CONTENT), home / "some.npz", "some.npz")
    assert not target.exists()
    assert not (home / "some.npz").is_symlink()


def test_a_file_that_is_made_has_the_usual_permissions_and_goes_where_a_link_leads(home, tmp_path):
    with files.replacing(home / "made.npz") as output:
        output.write(b"first")
    usual = tmp_path / "usual"
    usual.touch()
    assert (home / "made.npz").stat().st_mode == usual.stat().st_mode
    (home / "link.npz").symlink_to(usual)
    with files.replacing(home / "link.npz") as output:
        output.write(b"second")
    assert usual.read_bytes() == b"second"
    assert sorted(left_in(home)) == ["link.npz", "made.npz"]


def cut_short(handler):
    """Announce everything, send half, hang up."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    handler.wfile.write(CONTENT[: len(CONTENT) // 2])
    handler.close_connection = True


def short_without_length(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(CONTENT[:-1])
    handler.close_connection = True


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(CONTENT)


def one_byte_more(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(CONTENT + b"X")
    handler.close_connection = True


def redirect(to):
    def answer(handler):
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def announces_too_much(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(10**15))
    handler.end_headers()
    handler.wfile.write(CONTENT[:100])


def in_chunks_without_end(handler):
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while True:
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(CONTENT), CONTENT))


def broken_chunks(handler):
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"what?\r\n")
    handler.close_connection = True


def login_page(handler):
    page = b"<html>Please log in</html>"
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(page)))
    handler.end_headers()
    handler.wfile.write(page)


def one_byte_wrong(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    handler.wfile.write(b"X" + CONTENT[1:])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (cut_short, "IncompleteRead"),
        (short_without_length, "SHA256"),
        (endless, "more bytes than the published file"),
        (one_byte_more, "more bytes than the published file"),
        (
            redirect("file:///etc/passwd"),
            "redirects to file:///etc/passwd, which is less safe, and not followed",
        ),
        (redirect("https://127.0.0.1:1/"), "redirects to https://127.0.0.1:1/, which is less safe"),
        (redirect("ftp://127.0.0.1/x"), "redirects to ftp"),
        (announces_too_much, "more bytes than the published file"),
        (in_chunks_without_end, "more bytes than the published file"),
        (broken_chunks, "InvalidChunkLength|IncompleteRead"),
        (login_page, "SHA256"),
        (one_byte_wrong, "SHA256"),
        (lambda handler: handler.send_error(404), "404"),
        (lambda handler: handler.send_error(503), "503"),
    ],
)
def test_whatever_else_the_server_sends_leaves_nothing_behind(home, server, answer, reason):
    file = server.publish("some.npz", CONTENT, answer)
    with pytest.raises(OSError, match=reason) as caught:
        files.download(file, home / "some.npz", "some.npz")
    assert left_in(home) == []
    assert server.requests == ["/some.npz"]  # once, and nothing else
    assert "could not be downloaded" in str(caught.value)
    assert f"has datasets/{file.name}" in str(caught.value)


def test_redirects_are_followed_to_an_address_of_the_same_kind(home, server):
    file = server.publish("some.npz", CONTENT, redirect("/elsewhere"))
    server.publish("elsewhere", CONTENT)
    files.download(file, home / "some.npz", "some.npz")
    assert (home / "some.npz").read_bytes() == CONTENT
    assert server.requests == ["/some.npz", "/elsewhere"]


def test_redirects_in_a_circle_are_given_up(home, server):
    file = server.publish("some.npz", CONTENT, redirect("/some.npz"))
    with pytest.raises(OSError, match="redirects more than 5 times"):
        files.download(file, home / "some.npz", "some.npz")
    assert len(server.requests) == 6
    assert left_in(home) == []


def test_from_https_no_redirect_leads_to_http(monkeypatch):
    class Answer:
        ok, is_redirect, headers = True, True, {"Location": "http://example.org/x"}

        def close(self):
            pass

        def raise_for_status(self):
            pass

    monkeypatch.setattr("requests.get", lambda url, **options: Answer())
    with pytest.raises(OSError, match=r"redirects to http://example\.org/x, which is less safe"):
        files.receive("https://example.org/x", "nothing is written", 10)
    assert not os.path.exists("nothing is written")


def test_a_server_that_drips_is_given_up(home, server, monkeypatch):
    monkeypatch.setattr(files, "_PATIENCE", 0.2)
    over = threading.Event()

    def drips(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        while not over.wait(0.02):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    begin = time.monotonic()
    try:
        with pytest.raises(OSError, match="sends less than 1,024 bytes in a second"):
            files.download(server.publish("some.npz", CONTENT, drips), home / "some.npz", "some.npz")
    finally:
        over.set()
    assert time.monotonic() - begin < 10
    assert left_in(home) == []


def test_a_silent_server_is_given_up(home, server, monkeypatch):
    monkeypatch.setattr(files, "_TIMEOUT", 0.1)
    over = threading.Event()
    file = server.publish("some.npz", CONTENT, lambda handler: over.wait(10))
    try:
        with pytest.raises(OSError, match="timed out"):
            files.download(file, home / "some.npz", "some.npz")
    finally:
        over.set()
    assert left_in(home) == []


def test_offline(home, server, monkeypatch):
    file = server.publish("some.npz", CONTENT)
    monkeypatch.setattr(files, "_SOURCE", "http://127.0.0.1:1/")  # nobody listens on port 1
    with pytest.raises(OSError, match="refused") as caught:
        files.download(file, home / "some.npz", "some.npz")
    message = str(caught.value)
    assert message.startswith(
        f"some.npz is not in {home} and could not be downloaded from http://127.0.0.1:1/some.npz ("
    )
    assert message.endswith(
        "Put it there by hand, or set MINIDL_HOME to a folder that has datasets/some.npz."
    )
    assert len(message) - len(str(home)) < 400


def test_a_home_that_cannot_be_made_is_an_error_not_another_folder(tmp_path, server, monkeypatch):
    (tmp_path / "home").write_text("a file, not a folder")
    monkeypatch.setenv("MINIDL_HOME", str(tmp_path / "home"))
    file = server.publish("some.npz", CONTENT)
    with pytest.raises(OSError, match="NotADirectoryError"):
        files.download(file, files.locate("some.npz"), "some.npz")
    assert server.requests == []


def test_a_home_without_write_permission_is_an_error(home, server, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied", str(home))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OSError, match=re.escape(f"Permission denied: '{home}'"[:60])):
        files.download(server.publish("some.npz", CONTENT), home / "some.npz", "some.npz")
    assert server.requests == []


DOWNLOAD = """
import sys
from pathlib import Path
from minidl.datasets import files
files._SOURCE = sys.argv[1]
file = files.Published(sys.argv[2], int(sys.argv[3]), sys.argv[4])
files.download(file, files.locate(file.name), file.name)
"""


def download_elsewhere(server, file: files.Published) -> subprocess.Popen:
    """The same download in another process."""
    arguments = [server.url, file.name, str(file.size), file.sha256]
    return subprocess.Popen([sys.executable, "-c", DOWNLOAD, *arguments], stderr=subprocess.PIPE)


def test_kill_in_the_middle_leaves_no_half_file(home, server):
    half_sent, over = threading.Event(), threading.Event()

    def stops_half_way(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        handler.wfile.write(CONTENT[:70000])
        handler.wfile.flush()
        half_sent.set()
        over.wait(60)

    file = server.publish("some.npz", CONTENT, stops_half_way)
    with download_elsewhere(server, file) as process:
        assert half_sent.wait(60)
        deadline = time.monotonic() + 60
        while not any((home / name).stat().st_size for name in left_in(home)):
            assert time.monotonic() < deadline, "no byte was ever written"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    over.set()
    assert not (home / "some.npz").exists()
    files.download(server.publish("some.npz", CONTENT), home / "some.npz", "some.npz")
    assert (home / "some.npz").read_bytes() == CONTENT


def test_two_processes_at_once_both_get_the_whole_file(home, server):
    both_started = threading.Barrier(2)

    def together(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        handler.wfile.write(CONTENT[:50000])
        both_started.wait(60)
        handler.wfile.write(CONTENT[50000:])

    file = server.publish("some.npz", CONTENT, together)
    processes = [download_elsewhere(server, file) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    assert len(server.requests) == 2
    assert left_in(home) == ["some.npz"]
    assert (home / "some.npz").read_bytes() == CONTENT
