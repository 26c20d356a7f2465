"""Damages sound files by chance, thousands of times, and sees what each loader makes of it.

    PYTHONPATH=tests python -m hostile.damage SHARE        of all trials, from 0 to 1; one JSON object a line

A file that minidl wrote has checksums. So whatever happens to its bytes, it must be refused with a ValueError or an
OSError, or give to the last bit what was saved. Parts of files are also written anew with other content and without
checksums, as somebody else would; there any result will do but another class of error, a crash or a long wait.
"""

import copy
import json
import random
import signal
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

from hostile import archives, guarded, loaders
from hostile_files import archive, described, npy, safetensors

from minidl.callbacks.backup_file import read_state
from minidl.preprocessing.text import Tokenizer, tokenizer_from_json
from minidl.saving import load_model
from minidl.saving.to_keras import compile_config

FLIPS = {"m.keras": 2500, "m.weights.h5": 2500, "m.npz": 2500, "m.safetensors": 2500, "latest.npz": 2500}
EDITS = 1500  # of each of these formats
WITHOUT_CHECKSUM = 1500  # of each format of others
MADE = 500  # of each kind of content
SECONDS = 2  # of the processor, for one small file


def everything(model):
    """All that a model file brings back."""
    slots = [v.data for v in model.optimizer.variables] if model.optimizer else None
    return loaders.shown([model.get_weights(), slots, model.to_json(), json.dumps(compile_config(model))])


class Readers:
    """How each format is read, and what must come out."""

    def __init__(self, folder):
        self.folder = Path(folder)
        (sound, self.members), backup = loaders.sound_files(self.folder / "sound"), self.folder / "backup"
        backup.mkdir()
        self.sound = sound
        with zipfile.ZipFile(self.folder / "sound" / "m.keras") as file:
            self.members = {name: file.read(name) for name in file.namelist()}
        self.backup = loaders.backup_bytes(self.folder)
        sound["latest.npz"] = (self.folder / "b" / "latest.npz").read_bytes()
        self.model = loaders.trained(loaders.small())
        self.empty = [w * 0 for w in self.model.get_weights()]
        self.expected = {}
        for name in (*FLIPS, "old.h5", "oldmodel.h5"):
            self.expected[name] = self.read(name, sound[name])

    def read(self, name, content):
        path = self.folder / f"damaged-{name}"
        path.write_bytes(content)
        if name in ("m.keras", "oldmodel.h5"):
            model = load_model(path)
            return everything(model) if name == "m.keras" else loaders.shown(model.get_weights())
        if name == "latest.npz":
            return loaders.shown(read_state(path))
        self.model.set_weights(self.empty)
        self.model.load_weights(path)
        return loaders.shown(self.model.get_weights())

    def tried(self, name, content):
        """What comes of it, in one word."""
        begin = time.process_time()
        try:
            result = "equal" if self.read(name, content) == self.expected[name] else "other"
        except (ValueError, OSError) as error:
            named = f"damaged-{name}" in str(error) or type(error) not in (ValueError, OSError)
            result = "refused" if named else f"does not name the file: {error}"
            if result == "refused" and name not in ("m.keras", "oldmodel.h5", "latest.npz"):
                untouched = loaders.shown(self.model.get_weights()) == loaders.shown(self.empty)
                result = "refused" if untouched else "refused, and changed"
        except Exception as error:
            result = f"{type(error).__name__}: {error}"
        return result if time.process_time() - begin < SECONDS else "slow"


# --- damage ---------------------------------------------------------------------------------------------------


def flipped(content, chance):
    raw = bytearray(content)
    raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return bytes(raw)


def edited(content, chance):
    """Cut, or with a few bytes changed, put in, taken out, doubled or from another place."""
    if chance.random() < 0.15:
        return content[: chance.randrange(len(content))]
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at, n, other = (
            chance.randrange(len(content)),
            chance.choice((1, 2, 4, 8, 100)),
            chance.randrange(len(content)),
        )
        new = chance.choice((
            b"", chance.randbytes(n), bytes(n), b"\xff" * n, content[other : other + n],
            struct.pack("<Q", chance.choice((at, other, len(content), 2**31, 2**63, 2**64 - 1))),
        ))  # fmt: skip
        content = content[:at] + new + content[at + chance.choice((0, n, len(new))) :] or b"x"
    return content


NASTY = (
    None, True, False, 0, -1, 1, 2**31, 2**40, 10**30, 1.5, -1e308, "", "x", "os.system", "../../evil", "ab" * 300,
    [], {}, [None], [[]], [2**33, 2**33], [-1], [0], {"class_name": "Lambda", "config": {}}, {"class_name": None},
    {"class_name": "Dense", "config": {"units": 10**9}}, {"class_name": "__tensor__", "config": {}},
    {"array": 0}, {"dict": []}, {"float": "x"}, {"tuple": [1, 2]}, {"number": 10**6},
)  # fmt: skip


def disturbed(value, chance):
    """JSON with something else in one place, or a key less, or one more."""
    value = copy.deepcopy(value)
    places = []

    def walk(part):
        for key in list(part) if isinstance(part, dict) else range(len(part)):
            places.append((part, key))
            if isinstance(part[key], dict | list):
                walk(part[key])

    walk(value)
    for part, key in chance.sample(places, min(len(places), chance.choice((1, 1, 1, 2)))):
        kind = chance.random()
        if kind < 0.8 or not isinstance(part, dict):
            part[key] = chance.choice(NASTY)
        elif kind < 0.9:
            part.pop(key, None)
        else:
            part[str(chance.choice(NASTY))] = part[key]
    return value


def header(chance):
    """A .npy header of likely and unlikely parts."""
    descr = chance.choice(
        ("'<f4'", "'>f4'", "'|b1'", "'<i8'", "'<U3'", "'|O'", "[('a','<f4')]", "'<f4'" * 2, "f4", "'f'")
    )
    shape = chance.choice(
        ("(2,)", "(2)", "()", "(1,2)", "(2,1)", "(-2,)", "(2.,)", "(0x2,)", "(9" + "9" * 18 + ",)", "[2]")
    )
    text = chance.choice(
        (described(descr, shape), described(descr, shape, "True"), described(descr, shape, "1"))
    )
    text = chance.choice(
        (text, text.strip(), text[: chance.randrange(len(text))], text + " " * 40, text.replace(" ", ""))
    )
    version = chance.choice(((1, 0), (2, 0), (3, 0), (0, 0), (1, 1)))
    return npy(
        text,
        chance.randbytes(chance.choice((8, 8, 4, 16, 0))),
        version,
        chance.choice((None, None, 0, 10, 60000)),
    )


def made(readers, chance):
    """(what it is, how it is read) of one file with content that nobody would write."""
    rest = {k: v for k, v in readers.members.items() if k != "manifest.json"}
    raw = readers.sound["m.safetensors"]
    length = struct.unpack("<Q", raw[:8])[0]
    table = json.loads(raw[8 : 8 + length])
    state = json.loads(readers.backup["state.json"])
    config = json.loads(rest["config.json"])
    trick = chance.choice(list(archives.ZIPS.values()))

    def text(value):
        return json.dumps(value).encode()

    yield (
        "a description",
        "m.keras",
        lambda: archive({**rest, "config.json": text(disturbed(config, chance))}.items()),
    )
    yield (
        "a description of Keras 2",
        "oldmodel.h5",
        lambda: loaders.legacy(readers.model, json.dumps(disturbed(config, chance))),
    )
    yield (
        "a table of safetensors",
        "m.safetensors",
        lambda: safetensors(disturbed(table, chance), raw[8 + length :]),
    )
    yield (
        "a state",
        "latest.npz",
        lambda: archive([("state.json", text(disturbed(state, chance))), *list(readers.backup.items())[1:]]),
    )
    yield "a manifest", "m.npz", lambda: with_manifest(readers.sound["m.npz"], chance)
    yield (
        "a .npy header",
        "m.npz",
        lambda: archive([("dense/kernel.npy", header(chance)), ("dense/bias.npy", header(chance))]),
    )
    yield (
        "a zip archive",
        chance.choice(("m.keras", "m.npz", "latest.npz")),
        lambda: trick([(name, data) for name, data in chance.sample(list(rest.items()), 3)]),
    )


def with_manifest(content, chance):
    with zipfile.ZipFile(guarded_bytes(content)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    return archive([*members.items(), ("manifest.json", json.dumps(disturbed(manifest, chance)).encode())])


def guarded_bytes(content):
    import io

    return io.BytesIO(content)


def resumed(readers, chance):
    """A run that goes on from a backup with another state in it: refused with nothing changed, or gone on."""
    state = disturbed(json.loads(readers.backup["state.json"]), chance)
    path = readers.folder / "resumed" / "latest.npz"
    path.parent.mkdir(exist_ok=True)
    members = [
        ("state.json", json.dumps(state).encode()),
        *((n, d) for n, d in readers.backup.items() if n != "state.json"),
    ]
    path.write_bytes(archive(members))
    before = loaders.state(readers.model)
    try:
        loaders.restore(readers.model, path)
    except (ValueError, OSError):
        return "refused" if loaders.state(readers.model) == before else "refused, and changed"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "gone on"


def counted_words(chance):
    tokenizer = Tokenizer(num_words=5)
    tokenizer.fit_on_texts(["to be or not to be"])
    whole = json.loads(tokenizer.to_json())
    table = chance.choice(("word_counts", "word_docs", "index_docs", "index_word", "word_index"))
    if chance.random() < 0.5:
        whole["config"][table] = json.dumps(disturbed(json.loads(whole["config"][table]), chance))
    else:
        whole = disturbed(whole, chance)
    try:
        tokenizer_from_json(json.dumps(whole))
    except ValueError:
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "read"


# --- all of it ------------------------------------------------------------------------------------------------


def trials(share):
    """(suite, format, number) of each trial."""
    for name, number in FLIPS.items():
        yield from (("flip", name, i) for i in range(round(number * share)))
        yield from (("edit", name, i) for i in range(round(EDITS * share)))
    for name in ("old.h5", "oldmodel.h5"):
        yield from (("no checksum", name, i) for i in range(round(WITHOUT_CHECKSUM * share)))
    for kind in range(7):
        yield from (("made", kind, i) for i in range(round(MADE * share)))
    yield from (("resumed", "a backup", i) for i in range(round(MADE * share)))
    yield from (("made", "tokenizer", i) for i in range(round(MADE * share)))


def one(readers, suite, name, number):
    """(what was tried, the outcome, whether that is a fault)"""
    chance = random.Random(f"{suite} {name} {number}")  # noqa: S311
    if suite == "resumed":
        outcome = resumed(readers, chance)
        return "resumed", outcome, outcome not in ("refused", "gone on")
    if name == "tokenizer":
        outcome = counted_words(chance)
        return "made: tokenizer", outcome, outcome not in ("refused", "read")
    if suite == "made":
        kind, file, make = list(made(readers, chance))[name]
        outcome = readers.tried(file, make())
        return f"made: {kind}", outcome, outcome not in ("refused", "equal", "other")
    damage = flipped if suite == "flip" or (suite == "no checksum" and number % 2) else edited
    outcome = readers.tried(name, damage(readers.sound[name], chance))
    harmless = ("refused", "equal", "other") if suite == "no checksum" else ("refused", "equal")
    return f"{suite}: {name}", outcome, outcome not in harmless


def main(share="1"):
    import warnings

    warnings.simplefilter("ignore")
    sums, faults = Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sound").mkdir()
        readers = Readers(folder)

        def report(case, found):
            if isinstance(found, dict):  # the process ended
                found = [f"{case[0]}: {case[1]}", found["outcome"], True]
            what, outcome, fault = found
            sums[what, outcome if not fault else "fault"] += 1
            if fault:
                faults.append((*case, outcome[:200]))

        def run(case):
            signal.alarm(guarded.PATIENCE)  # ends the process, which is reported
            return one(readers, *case)

        guarded.forked(list(trials(float(share))), run, report)
    print(json.dumps({"counts": [[*key, number] for key, number in sorted(sums.items())], "faults": faults}))


if __name__ == "__main__":
    main(*sys.argv[1:])
