"""Reads every hostile file with every loader, in a process that is watched, and writes down what happened.

    PYTHONPATH=tests python -m hostile.guarded        one JSON object a line

A file is read in a fork, so that a crash of a library ends the fork and not the count. Written down is the error,
the seconds, how far the memory rose, what the loader did that a loader has no business doing (audit events), and
whether the model and the folders are what they were.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import time
import warnings
from pathlib import Path

HOME = Path(tempfile.gettempdir(), f"hostile.{os.getpid()}")
if __name__ == "__main__":  # who only imports this keeps the home they have
    HOME.mkdir(mode=0o700)
    os.environ["MINIDL_HOME"] = str(HOME)

from hostile import archives, contents, hdf5, loaders  # noqa: E402

from minidl.applications import imagenet_classes  # noqa: E402
from minidl.datasets import cifar10, files, uci_har  # noqa: E402

FOLDER = HOME / "datasets"
NOWHERE = "http://127.0.0.1:1/"  # nobody listens on port 1
PATIENCE = 20  # seconds until a reader counts as hung
ROOM = 2 << 30  # bytes that a reader may take beyond what there is, before it is stopped

GROUPS = {
    "pickle": ("raw", contents.PICKLES),
    "config": ("config", contents.CONFIGS),
    "json": ("json", contents.JSONS),
    "zip": ("zip", archives.ZIPS),
    "npy": ("npy", contents.NPY),
    "safetensors": ("raw", contents.SAFETENSORS),
    "hdf5": ("hdf5", hdf5.CHANGES | hdf5.BYTES),
    "tar": ("raw", archives.TARS),
    "page": ("raw", contents.PAGES),
}
SPECIAL = (
    "named pipe",
    "/dev/zero",
    "/dev/urandom",
    "loop of links",
    "folder",
    "socket",
    "missing",
    "dangling link",
)
FORBIDDEN = (
    "exec", "compile", "import", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "subprocess.Popen",
    "pty.spawn", "socket.", "pickle.find_class", "marshal.", "code.__new__", "ctypes.", "os.symlink", "os.link",
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.truncate", "shutil.", "mmap.",
    "urllib.Request", "webbrowser.",
)  # fmt: skip
watched = []  # what was done, while `watching`
watching = False


def note(event, args):
    if not watching:
        return
    if (
        event == "open"
        and isinstance(args[2], int)
        and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    ):
        watched.append(f"open {args[0]}")
    elif event == "open" and isinstance(args[0], str) and not args[0].startswith(str(HOME)):
        watched.append(f"read {args[0]}")
    elif event.startswith(FORBIDDEN):
        watched.append(f"{event} {args[:1]!r:.60}")


sys.addaudithook(note)


def put(path, what, content=None):
    """A hostile file, or something that is none, at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.exists():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if content is not None:
        path.write_bytes(content)
    elif what == "named pipe":
        os.mkfifo(path)
    elif what.startswith("/dev"):
        path.symlink_to(what)
    elif what == "loop of links":
        path.symlink_to(path.name)
    elif what == "folder":
        path.mkdir()
    elif what == "dangling link":
        path.symlink_to(path.parent / "nothing there")
    elif what == "socket":
        where = os.getcwd()
        os.chdir(path.parent)  # the name of a socket must be short
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as made:
            made.bind(path.name)
        os.chdir(where)


def clear(path):
    if path.is_symlink() or path.exists():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def tree(folder):
    return sorted(str(p) for p in folder.rglob("*"))


def one(loader, model, path):
    """What happens when a file is read."""
    global watching
    before, seconds, there = loaders.state(model), time.process_time(), tree(HOME)
    kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    watched.clear()
    outcome, message = "read", ""
    signal.alarm(PATIENCE)
    watching = True
    try:
        loader.read(model, path)
    except Exception as error:
        watching = False
        outcome, message = type(error).__name__, str(error)
        outcome = "refused" if type(error) is ValueError or isinstance(error, OSError) else outcome
    watching = False
    signal.alarm(0)
    return {
        "outcome": outcome,
        "message": message,
        "names it": path.name in message or not loader.names_it,
        "seconds": round(time.process_time() - seconds, 3),
        "megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - kb) >> 10,
        "events": list(watched),
        "unchanged": loaders.state(model) == before,
        "files": sorted(set(tree(HOME)) ^ set(there)),
    }


def contents_for(loader, kind, payload, sound):
    """The bytes of all hostile files that a loader can be given with this in it."""
    if kind in loader.places:
        return [place(payload) for place in loader.places[kind]]
    if kind == "zip":
        return [payload([("w.npy", contents.GOOD)])]
    if kind == "config":
        return [json.dumps(payload).encode()]
    if kind == "hdf5":
        return [hdf5.changed(sound, payload, loaders.KERNEL)]
    return [payload]


def forked(cases, run, report):
    """Run the cases one after another in a fork; after a crash, go on with the next one in another fork."""
    done = 0
    while done < len(cases):
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read_end)
            with os.fdopen(write_end, "w") as out:
                with open("/proc/self/statm") as statm:
                    size = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
                resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
                for case in cases[done:]:
                    out.write(json.dumps(run(case)) + "\n")
                    out.flush()
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end) as lines:
            for line in lines:
                report(cases[done], json.loads(line))
                done += 1
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            report(cases[done], {"outcome": f"ended by {-status}", "message": ""})
            done += 1


def main(only=""):
    warnings.simplefilter("ignore")
    files._SOURCE = uci_har._SITE = imagenet_classes._SITE = NOWHERE
    cifar10._SITES = (NOWHERE,)
    with tempfile.TemporaryDirectory() as meanwhile:
        known = loaders.loaders(meanwhile)
        sound = loaders.sound_files(tempfile.mkdtemp(dir=meanwhile))[0]["m.weights.h5"]
    models = {"small": loaders.trained(loaders.small()), "pair": loaders.trained(loaders.pair())}
    for loader in known.values():  # whatever is imported late is imported now
        for late in (b"<html>", sound, *contents_for(loader, "json", b"{}", sound), archives.archive([])):
            put(FOLDER / loader.file, "", late)
            with contextlib.suppress(Exception):
                loader.read(models[loader.model], FOLDER / loader.file)
            clear(FOLDER / loader.file)
    for name, loader in known.items():
        if only not in name:
            continue
        path, model = FOLDER / loader.file, models[loader.model]

        def run(case, loader=loader, path=path, model=model):
            group, what, payload = case
            kind = GROUPS[group][0] if group in GROUPS else ""
            found = []
            for content in contents_for(loader, kind, payload, sound) if kind else [None]:
                put(path, what, content)
                found.append(one(loader, model, path))
                clear(path)
            return found

        for group, (_, payloads) in GROUPS.items():
            cases = [(group, what, payload) for what, payload in payloads.items()]
            forked(cases, run, lambda case, found, name=name: tell(name, case, found))
        fetched = "load_" not in name and name != "an IDX file"  # where nothing is there, it is no error
        special = [s for s in SPECIAL if not (fetched and s in ("missing", "dangling link", "loop of links"))]
        if loader.names_it:
            cases = [("special", what, None) for what in special]
            forked(cases, run, lambda case, found, name=name: tell(name, case, found))
    shutil.rmtree(HOME)


def tell(loader, case, found):
    for result in found if isinstance(found, list) else [found]:
        print(json.dumps({"loader": loader, "group": case[0], "case": case[1], **result}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
