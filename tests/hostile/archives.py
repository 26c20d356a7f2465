"""Zip and tar archives that lie, lead elsewhere or explode. A zip trick is played on the first of some good members."""

import gzip
import struct
import tarfile
import zipfile
import zlib

from hostile_files import archive

MIB = 1 << 20


def retold(content, **changes):
    """A zip archive whose first member says something else about itself, in both places where it speaks.

    Args:
        content: the archive.
        changes: flags, method, crc, packed, size, name (as long as the old one; `local` in its own header alone),
            offset.
    """
    raw = bytearray(content)
    central = raw.index(b"PK\1\2")
    for key, value in changes.items():
        form, own, listed = {
            "flags": ("<H", 6, 8), "method": ("<H", 8, 10), "crc": ("<I", 14, 16),
            "packed": ("<I", 18, 20), "size": ("<I", 22, 24), "mode": ("<I", None, 38), "offset": ("<I", None, 42),
            "name": (f"{len(value)}s", 30, 46) if isinstance(value, bytes) else (),
            "local": (f"{len(value)}s", 30, None) if isinstance(value, bytes) else (),
        }[key]  # fmt: skip
        if own is not None:
            struct.pack_into(form, raw, own, value)
        if listed is not None:
            struct.pack_into(form, raw, central + listed, value)
    return bytes(raw)


def with_first(members, data):
    return [(members[0][0], data), *members[1:]]


def twice(members):
    """One name for two members: the second is renamed to that of the first."""
    name = members[0][0]
    other = "x" * len(name)
    return archive([*members, (other, members[0][1])]).replace(other.encode(), name.encode())


def linked(members):
    info = zipfile.ZipInfo(members[0][0])
    info.external_attr = 0o120777 << 16
    return archive([(info, b"/etc/passwd"), *members[1:]])


def exploding(size):
    """A first member of so many zeros, packed once and for all."""
    packer = zlib.compressobj(9, wbits=-15)
    packed = b"".join(packer.compress(bytes(MIB)) for _ in range(size // MIB)) + packer.flush()
    crc = 0
    for _ in range(size // MIB):
        crc = zlib.crc32(bytes(MIB), crc)
    return lambda members: retold(archive(with_first(members, packed)), method=8, size=size, crc=crc)


def more_behind(members):
    """A first member that says it has the right size, and would unpack to 64 MiB more."""
    name, data = members[0]
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(data[:-1] + b"?" + bytes(64 * MIB)) + packer.flush()
    return retold(archive([(name, packed), *members[1:]]), method=8, size=len(data))


def renamed(name):
    return lambda members: archive([(name, members[0][1]), *members[1:]])


def lying(**changes):
    return lambda members: retold(archive(members), **changes)


def table(size, behind=b""):
    """Nothing but the end of an archive, which announces a table of contents."""
    return b"PK\3\4" + bytes(30) + behind + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, size, 0, 0)


def in_64_bits(size):
    return (
        b"PK\3\4"
        + b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, size, 0)
        + b"PK\6\7" + struct.pack("<IQI", 0, 4, 1)
        + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    )  # fmt: skip


ZIPS = {
    "zip slip": renamed("../../evil"),
    "absolute": renamed("/evil"),
    "backslash": renamed("..\\evil"),
    "a drive": renamed("C:evil"),
    "symlink": linked,
    "bomb of 256 MiB": exploding(256 * MIB),
    "bomb of 64 MiB": exploding(64 * MIB),
    "bomb beside": lambda m: archive([*m, ("y.npy", bytes(8 * MIB))], zipfile.ZIP_DEFLATED),
    "more behind than announced": more_behind,
    "twice": twice,
    "lying size": lying(size=2**31, packed=2**31),
    "lying size of 4 GiB": lying(size=2**32 - 2, packed=2**32 - 2),
    "two sizes": lying(size=10),
    "wrong CRC": lying(crc=1),
    "another local name": lambda m: retold(archive(m), local=b"x" * len(m[0][0])),
    "offset elsewhere": lying(offset=2**31),
    "offset a little off": lying(offset=1),
    "truncated": lambda m: archive(m)[:-30],
    "cut in half": lambda m: (a := archive(m))[: len(a) // 2],
    "prefixed": lambda m: b"MZ" + archive(m),
    "prefixed by another zip": lambda m: archive(with_first(m, b"evil")) + archive(m),
    "something behind": lambda m: archive(m) + b"<html>",
    "encrypted": lying(flags=1),
    "strongly encrypted": lying(flags=0x41),
    "packed with bzip2": lambda m: archive(m, zipfile.ZIP_BZIP2),
    "packed with lzma": lambda m: archive(m, zipfile.ZIP_LZMA),
    "packed in an unknown way": lying(method=99),
    "not deflated, though it says so": lying(method=8),
    "no members": lambda m: archive([]),
    "20,000 members": lambda m: archive([*m, *((f"{i}.npy", b"") for i in range(20000))]),
    "only an end": lambda m: b"PK\5\6" + bytes(18),
    "a huge table": lambda m: table(2**31),
    "a huge table of 64 bits": lambda m: in_64_bits(2**62),
    "a negative table of 64 bits": lambda m: in_64_bits(2**64 - 1),
    "a name of no letters": renamed("\x1b[31m"),
}


def member(name, size=0, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info.tobuf(tarfile.GNU_FORMAT)


def tar(*parts):
    """A gzipped tar file of headers and of what follows them."""
    blocks = b"".join(part + bytes(-len(part) % 512) for part in parts)
    return gzip.compress(blocks + bytes(1024), 1, mtime=0)


def signed(block):
    """A header with its own checksum put right."""
    raw = bytearray(block)
    raw[148:156] = b"        "
    raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw)


def with_size(field):
    block = bytearray(member(WANTED))
    block[124:136] = field
    return signed(block)


WANTED = "cifar-10-batches-bin/data_batch_1.bin"
ZEROS = gzip.compress(bytes(1 << 20), 9, mtime=0)
PAX = b"%d path=%s\n" % (2**31, b"x" * 100)
TARS = {
    "tar slip": tar(member("../../evil", 4), b"evil"),
    "absolute": tar(member("/evil", 4), b"evil"),
    "symlink": tar(member(WANTED, kind=tarfile.SYMTYPE, link="/etc/passwd")),
    "chain of symlinks": tar(
        member("a", kind=tarfile.SYMTYPE, link="/etc"), member("a/b", kind=tarfile.SYMTYPE, link="..")
    ),
    "hard link": tar(member(WANTED, kind=tarfile.LNKTYPE, link="/etc/passwd")),
    "device": tar(member(WANTED, kind=tarfile.CHRTYPE)),
    "named pipe": tar(member(WANTED, kind=tarfile.FIFOTYPE)),
    "1 GiB of zeros": ZEROS * 1024,
    "a file of 1 GiB": gzip.compress(member(WANTED, 1 << 30), mtime=0) + ZEROS * 1024,
    "a file of 8 GiB": tar(member(WANTED, (8 << 30) - 1)),
    "a negative size": tar(with_size(b"\xff" * 12)),
    "a size of 2^88": tar(with_size(b"\x80" + b"\xff" * 11)),
    "a size of letters": tar(with_size(b"evil evil ev")),
    "a long name of 1 GiB": gzip.compress(member("x", 1 << 30, tarfile.GNUTYPE_LONGNAME), mtime=0)
    + ZEROS * 1024,
    "a pax header of 2 GiB": tar(member("x", 2**31, tarfile.XHDTYPE), PAX),
    "a pax header that lies": tar(member("x", len(PAX), tarfile.XHDTYPE), PAX, member(WANTED)),
    "sparse": tar(member(WANTED, kind=tarfile.GNUTYPE_SPARSE)),
    "300,000 members": gzip.compress(member("x") * 300_000, 1, mtime=0),
    "wrong sum": tar(bytes(b ^ 1 for b in member(WANTED, 4))),
    "truncated": tar(member(WANTED, 61460), bytes(61460))[:-40],
    "wrong CRC": (t := tar(member(WANTED, 4), b"evil"))[:-8] + b"evil" + t[-4:],
    "no tar": gzip.compress(b"evil" * 1000, mtime=0),
    "no gzip": b"evil" * 1000,
    "gzip in gzip": gzip.compress(gzip.compress(bytes(1000)), mtime=0),
}
