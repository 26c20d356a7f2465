"""Files written byte by byte, as no honest program would."""

import io
import json
import struct
import sys
import zipfile
import zlib

FORBIDDEN = {"compile", "pickle.find_class", "os.system", "subprocess.Popen", "socket.connect", "os.symlink"}
seen = []  # of these; a test clears it before it reads a file
sys.addaudithook(lambda event, args: seen.append(event) if event in FORBIDDEN else None)


def npy(header, data=b"", version=(1, 0), length=None):
    """A .npy array with this text as its header."""
    text = header.encode() if isinstance(header, str) else header
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + bytes(version) + size + text + data


def described(descr="'<f4'", shape="(2,)", fortran="False"):
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


def archive(members, compression=zipfile.ZIP_STORED):
    """A zip archive of (name or ZipInfo, bytes)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as z:
        for name, data in members:
            z.writestr(name, data)
    return file.getvalue()


def zipped(name, data, size=None, stored_size=None, flags=0, method=0, crc=None, mode=0, local_name=None):
    """A zip archive of one member that may lie about everything."""
    raw, local = name.encode(), (local_name or name).encode()
    crc = zlib.crc32(data) if crc is None else crc
    size = len(data) if size is None else size
    packed = len(data) if stored_size is None else stored_size
    common = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 33, crc, packed, size, len(local), 0)
    first = b"PK\3\4" + common + local + data
    central = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 33, crc, packed, size, len(raw), 0)
    entry = (
        b"PK\1\2" + struct.pack("<H", 0x0314) + central + struct.pack("<HHHII", 0, 0, 0, mode << 16, 0) + raw
    )
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(first), 0)
    return first + entry + b"PK\5\6" + end


def safetensors(table, data=b"", length=None):
    """A safetensors file with this table, a dict or its text."""
    text = table if isinstance(table, bytes) else json.dumps(table).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data
