"""What stands in the hostile files, by group: arrays, descriptions, JSON texts, tables of safetensors, pickles.

A maker of files (`loaders.py`) puts each of them in the place where a loader would meet it.
"""

import io
import json
import pickle

import numpy as np
from hostile_files import described, npy, safetensors

DATA = np.float32([1, 2]).tobytes()
GOOD = npy(described(), DATA)  # an array (2,), which is what the file should hold


class Boom:
    def __reduce__(self):
        return (print, ("this must not run",))


def saved(value):
    """What numpy.save makes of something, with a pickle if it must be."""
    file = io.BytesIO()
    np.save(file, value, allow_pickle=True)
    return file.getvalue()


PICKLES = {
    "a pickle": pickle.dumps({"w": [1.0, 2.0]}),
    "a pickle that runs": pickle.dumps(Boom()),
    "a pickle of protocol 0": pickle.dumps(Boom(), 0),
    "marshalled code": b"\xe3" + bytes(40),
    "an object array": saved(np.array([Boom()])),
}

NPY = {
    "shape bomb": npy(described(shape="(1000000000000,)"), DATA),
    "shape overflow": npy(described(shape="(4294967296, 4294967296)"), DATA),
    "twenty digits": npy(described(shape="(99999999999999999999,)"), DATA),
    "negative": npy(described(shape="(-2,)"), DATA),
    "float shape": npy(described(shape="(2.0,)"), DATA),
    "bool shape": npy(described(shape="(True,)"), DATA),
    "list shape": npy(described(shape="[2]"), DATA),
    "zero and huge": npy(described(shape="(0, 9223372036854775807)")),
    "many axes": npy(described(shape=f"({'1, ' * 100}2,)"), DATA),
    "code": npy(described(shape="(__import__('os').system('true'),)"), DATA),
    "expression": npy(described(shape="(1+1,)"), DATA),
    "other keys": npy("{'descr': '<f4', 'shape': (2,), }", DATA),
    "key twice": npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", DATA),
    "string bomb": npy(described("'<U1000000000'"), DATA),
    "strings": npy(described("'<U1'"), DATA),
    "object": npy(described("'|O'"), DATA),
    "void": npy(described("'|V4'"), DATA),
    "structured": npy(described("[('a', '<f4')]"), DATA),
    "complex": npy(described("'<c8'"), DATA * 2),
    "whole numbers": npy(described("'<i8'"), bytes(16)),
    "another shape": npy(described(shape="(1, 2)"), DATA),
    "another length": npy(described(shape="(3,)"), DATA + DATA[:4]),
    "empty array": npy(described(shape="(0,)")),
    "date": npy(described("'<M8[s]'", "(1,)"), DATA),
    "long double": npy(described("'<f16'", "(1,)"), DATA * 2),
    "header of 4 GB": npy(described(), DATA, version=(2, 0), length=2**32 - 1),
    "header of 64 kB": npy(described() + " " * 60000, DATA),
    "no header": npy("", DATA),
    "header cut": npy(described(), b"", length=500),
    "version 9": npy(described(), DATA, version=(9, 0)),
    "no magic": b"\x93NUMPX" + GOOD[7:],
    "nothing": b"",
    "magic only": GOOD[:8],
    "too few bytes": GOOD[:-1],
    "too many bytes": GOOD + b"\0",
    "nested": npy("{" * 3000, DATA),
    "bytes that are no bool": npy(described("'|b1'"), b"\2\1"),
}


def layer(class_name, config, module="keras.layers"):
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def dense(**changes):
    return layer("Dense", {"units": 3, "name": "more", **changes})


BYTECODE = {"class_name": "__lambda__", "config": {"code": "4wAAAA==", "defaults": None, "closure": None}}
CONFIGS = {
    "bytecode of a Lambda": layer("Lambda", {"name": "evil", "function": BYTECODE}),
    "bytecode of Keras 2": layer(
        "Lambda", {"function": ["4wAAAA==", None, None], "function_type": "lambda", "name": "evil"}
    ),
    "bytecode as an activation": dense(activation=BYTECODE),
    "os.system": layer("function", "system", module="os"),
    "a class of another module": layer("Popen", {"args": "touch evil"}, module="subprocess"),
    "a class of ours, but of another module": layer("Dense", {"units": 3}, module="evil"),
    "exec": layer("exec", "print(1)", module="builtins"),
    "get_file": layer("get_file", {"origin": "file:///etc/passwd"}, module="keras.utils"),
    "a callback": layer("LambdaCallback", {}, module="keras.callbacks"),
    "safe mode off": layer("enable_unsafe_deserialization", {}, module="keras.config"),
    "a dotted name": layer("os.system", {}),
    "an activation expression": dense(activation="__import__('os').system('true')"),
    "an activation of another module": dense(
        activation={"module": "os", "class_name": "function", "config": "abort", "registered_name": "abort"}
    ),
    "10^19 parameters": dense(units=10**19),
    "10^9 parameters": dense(units=10**9),
    "10^300 parameters": dense(units=10**300),
    "a huge Embedding": layer("Embedding", {"input_dim": 2**40, "output_dim": 2**20}),
    "a huge LSTM": layer(
        "Sequential",
        {"layers": [layer("InputLayer", {"batch_shape": [None, 5, 2]}), layer("LSTM", {"units": 10**7})]},
        "keras",
    ),
    "negative units": dense(units=-3),
    "units of a word": dense(units="many"),
    "units of a list": dense(units=[3]),
    "a huge RepeatVector": layer("RepeatVector", {"n": 2**40}),
    "a large RepeatVector": layer("RepeatVector", {"n": 2**29}),
    "a huge UpSampling": layer(
        "Sequential",
        {
            "layers": [
                layer("InputLayer", {"batch_shape": [None, 8, 8, 3]}),
                layer("UpSampling2D", {"size": 10**6}),
            ]
        },
        "keras",
    ),
    "a huge ZeroPadding": layer(
        "Sequential",
        {
            "layers": [
                layer("InputLayer", {"batch_shape": [None, 8, 3]}),
                layer("ZeroPadding1D", {"padding": 2**33}),
            ]
        },
        "keras",
    ),
    "a huge Reshape": layer("Reshape", {"target_shape": [2**20, 2**20]}),
    "a name that leads elsewhere": dense(name="../../evil"),
    "a name of a list": dense(name=["x"]),
    "a dtype of objects": dense(dtype="O"),
    "a dtype of text": dense(dtype="<U1000000"),
    "a vocabulary path": layer("StringLookup", {"vocabulary": "/etc/passwd"}),
    "a torch module": layer("TorchModuleWrapper", {"module": "x"}),
    "a saved model path": layer("TFSMLayer", {"filepath": "/etc/x"}),
    "quantization": dense(quantization_config={"class_name": "Int8QuantizationConfig", "config": {}}),
    "an unknown argument": dense(surprise=1),
    "a huge input": layer(
        "Sequential", {"layers": [layer("InputLayer", {"batch_shape": [None, 10**12]})]}, "keras"
    ),
    "a class of no name": layer(["Dense"], {}),
    "a base class": layer("Layer", {}),
    "a private base class": layer("_Elementwise", {}),
    "a model in itself": layer("Model", {}, "keras"),
    "no config": {"class_name": "Dense"},
    "an initializer of a huge constant": dense(kernel_initializer=layer("Constant", {"value": [0.0] * 5})),
}

DEEP, DEEPER = "[" * 100 + "]" * 100, "[" * 200_000 + "]" * 200_000
JSONS = {
    "200,000 deep": b'{"class_name": ' + DEEPER.encode() + b"}",
    "100 deep": b'{"class_name": ' + DEEP.encode() + b"}",
    "65 objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "without end": b'{"a":' * 200_000,
    "NaN": b'{"class_name": NaN}',
    "Infinity": b'{"class_name": -Infinity}',
    "10^6 digits": b'{"class_name": ' + b"9" * 10**6 + b"}",
    "the same key twice": b'{"class_name": "Sequential", "class_name": "Lambda"}',
    "a list": b"[]",
    "null": b"null",
    "a number": b"17",
    "nothing": b"",
    "cut": b'{"class_name": "Seq',
    "UTF-16": '{"class_name": "Sequential"}'.encode("utf-16"),
    "UTF-32": '{"class_name": "Sequential"}'.encode("utf-32"),
    "UTF-8 with a mark": b'\xef\xbb\xbf{"class_name": "Sequential"}',
    "no text": b"\xff\xfe\xfd",
    "half a pair": b'{"class_name": "\\ud800"}',
    "another thing behind": b'{"class_name": "Sequential"} {"class_name": "Lambda"}',
    "17 MB": b" " * (17 << 20) + b"{}",
    "nothing in it": b"{}",
    "100,000 layers": json.dumps(
        {
            "class_name": "Sequential",
            "config": {"layers": [layer("Flatten", {"name": f"f{i}"}) for i in range(100_000)]},
        }
    ).encode(),
}


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


OURS = {"format": "minidl", "sha256": "0" * 64}
SAFETENSORS = {
    "a table without end": safetensors(b"{}", length=2**63),
    "a table longer than the file": safetensors({"w": entry()}, DATA, length=5000),
    "a table of 20 MB": safetensors(b" " * (20 << 20)),
    "no table": safetensors(b"", DATA),
    "7 bytes": b"\1\0\0\0\0\0\0",
    "a list": safetensors(b"[]"),
    "a number": safetensors(b"17"),
    "a key twice": safetensors(
        b'{"w": {"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', DATA
    ),
    "an array twice": safetensors({"w": entry(), "v": entry()}, DATA),
    "deep": safetensors(b'{"w":' + b"[" * 200000),
    "NaN": safetensors(b'{"w": NaN}', DATA),
    "UTF-16": safetensors(json.dumps({"w": entry()}).encode("utf-16"), DATA),
    "remarks that are a list": safetensors({"__metadata__": [], "w": entry()}, DATA),
    "a wrong checksum": safetensors({"__metadata__": OURS, "w": entry()}, DATA),
    "no checksum": safetensors({"__metadata__": {"format": "minidl"}, "w": entry()}, DATA),
    "offsets beyond the end": safetensors({"w": entry(offsets=(8, 16))}, DATA),
    "offsets backwards": safetensors({"w": entry(offsets=(8, 0))}, DATA),
    "negative offsets": safetensors({"w": entry(offsets=(-8, 0))}, DATA),
    "a gap": safetensors({"w": entry(offsets=(4, 12))}, b"hide" + DATA),
    "bytes behind": safetensors({"w": entry()}, DATA + b"more"),
    "bytes missing": safetensors({"w": entry()}, DATA[:-1]),
    "a shape too large": safetensors({"w": entry(shape=(2**40,))}, DATA),
    "a shape that overflows": safetensors({"w": entry(shape=(2**33, 2**33))}, DATA),
    "a shape beyond 64 bits": safetensors({"w": entry(shape=(2**70, 0), offsets=(0, 0))}),
    "zero times huge": safetensors({"w": entry(shape=(0, 2**62), offsets=(0, 0))}),
    "a negative shape": safetensors({"w": entry(shape=(-1, -2))}, DATA),
    "a shape of text": safetensors({"w": {**entry(), "shape": "2"}}, DATA),
    "a shape of truths": safetensors({"w": {**entry(), "shape": [True, 2]}}, DATA),
    "many axes": safetensors({"w": entry(shape=[1] * 100 + [2])}, DATA),
    "another shape": safetensors({"w": entry(shape=(1, 2))}, DATA),
    "an unknown dtype": safetensors({"w": entry("F8_E4M3", (8,))}, DATA),
    "a dtype that is a list": safetensors({"w": {**entry(), "dtype": ["F32"]}}, DATA),
    "a dtype of another size": safetensors({"w": entry("F64")}, DATA),
    "whole numbers": safetensors({"w": entry("I32")}, DATA),
    "a key more": safetensors({"w": entry(module="os")}, DATA),
    "an entry that is null": safetensors({"w": None}, DATA),
    "20,000 arrays": safetensors({f"{i}": entry(shape=(0,), offsets=(0, 0)) for i in range(20000)}),
    "bytes that are no bool": safetensors({"w": entry("BOOL", (2,), (0, 2))}, b"\2\1"),
    "an unprintable name": safetensors({"\x1b[31m\n" * 50: entry()}, DATA),
}

PAGES = {
    "a web page": b"<!DOCTYPE html><html>Please log in</html>",
    "a web page of half a MB": b"<html>" + b"<p>x</p>" * 60_000,
    "one byte": b"P",
    "zeros": bytes(1000),
    "text": "나는 오늘\n".encode() * 100,
    "empty": b"",
}
