"""HDF5 files that point elsewhere, announce petabytes, or whose inner structure goes in circles.

A change is made to a sound file that is open (`CHANGES`, with the path of one of its arrays), or to its bytes
(`BYTES`); the structures there are those of the HDF5 File Format Specification: TREE a node of a group's index, SNOD
its entries, HEAP their names, GCOL long texts.
"""

import io
import struct

import h5py
import numpy as np


def changed(sound, change, place):
    """The bytes of a sound file after a change; None if there is no way to make it so."""
    memory = io.BytesIO(sound)
    if change in BYTES.values():
        return change(sound)
    with h5py.File(memory, "r+") as file:
        change(file, place)
    return memory.getvalue()


def replaced(file, place, *args, **options):
    """Another dataset in the place of the old one, with its signature kept away."""
    del file[place]
    return file.create_dataset(place, *args, **options)


def shape_bomb(file, place):
    replaced(file, place, (2**25, 2**25), "f4", chunks=(1024, 1024), compression="gzip")


def chunk_bomb(file, place):
    """The right shape, in pieces of 1 GiB: one piece has to be unpacked to read twelve numbers."""
    data = replaced(file, place, (4, 3), "f4", chunks=(2**14, 2**14), maxshape=(None, None), compression=9)
    data.id.write_direct_chunk((0, 0), b"x" * 2000)


def many_axes(file, place):
    replaced(file, place, (1,) * 31 + (12,), "f4")


def soft(file, place):
    file["elsewhere"] = file[place]
    del file[place]
    file[place] = h5py.SoftLink("/elsewhere")


def soft_circle(file, place):
    del file[place]
    file[place] = h5py.SoftLink(f"/{place}")


def external_link(file, place):
    del file[place]
    file[place] = h5py.ExternalLink("/etc/passwd", "/")


def external_group(file, place):
    above, _, _ = place.rpartition("/")
    del file[above]
    file[above] = h5py.ExternalLink("/dev/zero", "/")


def external_data(file, place):
    replaced(file, place, (4, 3), "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def virtual(file, place):
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "x", (4, 3))
    del file[place]
    file.create_virtual_dataset(place, layout)


def virtual_of_itself(file, place):
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource(".", place, (4, 3))
    del file[place]
    file.create_virtual_dataset(place, layout)


def words(file, place):
    replaced(file, place, data=np.full((4, 3), b"evil", "S4"))


def long_words(file, place):
    replaced(file, place, (4, 3), "S1000000000", chunks=(1, 1))


def texts(file, place):
    replaced(file, place, (4, 3), h5py.string_dtype())


def references(file, place):
    replaced(file, place, (4, 3), h5py.ref_dtype)


def ragged(file, place):
    replaced(file, place, (4, 3), h5py.vlen_dtype(np.float32))


def records(file, place):
    replaced(
        file, place, (4, 3), np.dtype([("a", "f4"), ("b", "O", (2,))]) if False else np.dtype([("a", "f4")])
    )


def complex_numbers(file, place):
    replaced(file, place, data=np.ones((4, 3), np.complex64))


def whole_numbers(file, place):
    replaced(file, place, data=np.ones((4, 3), np.int32))


def opaque(file, place):
    replaced(file, place, data=np.ones((4, 3), "V4"))


def no_space(file, place):
    replaced(file, place, data=h5py.Empty("f4"))


def a_type(file, place):
    del file[place]
    file[place] = np.dtype("f4")


def empty(file, place):
    replaced(file, place, data=np.ones((0, 3), np.float32))


def transposed(file, place):
    replaced(file, place, data=np.ones((3, 4), np.float32))


def missing(file, place):
    del file[place]


def group_for_data(file, place):
    del file[place]
    file.create_group(place)


def circle(file, place):
    """A group inside of itself."""
    above = place.rpartition("/")[0]
    del file[place]
    file[place] = file[above]


def too_large_for_the_type(file, place):
    replaced(file, place, data=np.full((4, 3), 1e300))


def another_filter(file, place):
    data = replaced(file, place, (4, 3), "f4", chunks=(4, 3), scaleoffset=2)
    data[...] = 1


def wrong_signature(file, place):
    file[place].attrs["sha256"] = "0" * 64


def values_under_an_old_signature(file, place):
    file.attrs["checksums"] = "sha256"
    file[place][...] = 7


def a_long_signature(file, place):
    file[place].attrs["sha256"] = np.zeros(8000, "S4")


def fletcher(file, place):
    """HDF5's own checksum, wrong."""
    data = replaced(file, place, (4, 3), "f4", chunks=(4, 3), fletcher32=True)
    data.id.write_direct_chunk((0, 0), bytes(48) + b"evil")


CHANGES = {
    change.__name__.replace("_", " "): change
    for change in (
        shape_bomb, chunk_bomb, many_axes, soft, soft_circle, external_link, external_group, external_data, virtual,
        virtual_of_itself, words, long_words, texts, references, ragged, records, complex_numbers, whole_numbers,
        opaque, no_space, a_type, empty, transposed, missing, group_for_data, circle, too_large_for_the_type,
        another_filter, wrong_signature, values_under_an_old_signature, a_long_signature, fletcher,
    )
}  # fmt: skip


# --- bytes ---------------------------------------------------------------------------------------------------


def everywhere(mark, offset, form, value):
    """The same field changed in all structures that begin with this mark; a callable value is given the place."""

    def change(sound):
        raw, at = bytearray(sound), sound.find(mark)
        while at >= 0:
            if at + offset + struct.calcsize(form) <= len(raw):
                struct.pack_into(form, raw, at + offset, value(at) if callable(value) else value)
            at = sound.find(mark, at + 1)
        return bytes(raw)

    return change


def in_the_head(offset, form, value):
    def change(sound):
        raw = bytearray(sound)
        struct.pack_into(form, raw, offset, value)
        return bytes(raw)

    return change


def continued_in_itself(sound):
    """Every object whose header goes on elsewhere goes on in itself."""
    raw = bytearray(sound)
    for at in range(0, len(raw) - 40, 8):
        kind, size = struct.unpack_from("<HH", raw, at)
        if kind == 0x0010 and size == 16:
            struct.pack_into("<QQ", raw, at + 8, at, 24)
    if raw == sound:  # none went on: the first message of the root's header does now
        root = struct.unpack_from("<Q", raw, 64)[0]
        struct.pack_into("<HHIQQ", raw, root + 16, 0x0010, 16, 0, root + 16, 24)
    return bytes(raw)


def endless_texts(sound):
    """Texts whose last entry, the room that is left, has no bytes: the HDF5 library would read it for ever."""
    raw, at = bytearray(sound), sound.find(b"GCOL")
    if at < 0:  # an empty collection, where nobody looks for one
        return sound[: len(sound) // 2] + b"GCOL\1\0\0\0" + struct.pack("<Q", 64) + bytes(48)
    raw[at + 16 : at + 512] = bytes(496)
    return bytes(raw)


def texts_in_texts(sound):
    """Collections of texts that lie in one another: looked at each by itself, that is 2^29 texts."""
    collection = b"GCOL\1\0\0\0" + struct.pack("<QHHIQ", 2**26, 1, 0, 0, 16)
    return sound + collection * 2**15


BYTES = {
    "texts that go in circles": endless_texts,
    "texts in texts": texts_in_texts,
    "a tree that is its own branch": everywhere(b"TREE", 32, "<Q", lambda at: at),
    "a tree of 65,535 branches": everywhere(b"TREE", 6, "<H", 65535),
    "a tree of 255 storeys": everywhere(b"TREE", 5, "B", 255),
    "65,535 names in a node": everywhere(b"SNOD", 6, "<H", 65535),
    "names of 2^63 bytes": everywhere(b"HEAP", 8, "<Q", 2**63),
    "names that lie elsewhere": everywhere(b"HEAP", 24, "<Q", 2**40),
    "free space that goes in circles": everywhere(b"HEAP", 16, "<Q", 0),
    "texts of 2^62 bytes": everywhere(b"GCOL", 8, "<Q", 2**62),
    "a text of 2^40 bytes": everywhere(b"GCOL", 24, "<Q", 2**40),
    "an object that goes on in itself": continued_in_itself,
    "the end beyond the end": in_the_head(40, "<Q", 2**60),
    "the end before the end": in_the_head(40, "<Q", 100),
    "another beginning": in_the_head(24, "<Q", 2**40),
    "a driver": in_the_head(48, "<Q", 96),
    "sizes of 255 bytes": in_the_head(13, "<H", 0xFFFF),
    "an unknown version": in_the_head(8, "B", 77),
    "a root elsewhere": in_the_head(64, "<Q", 2**50),
    "a root in the middle": in_the_head(64, "<Q", 1000),
    "half of it": lambda sound: sound[: len(sound) // 2],
    "the first 100 bytes": lambda sound: sound[:100],
    "only the mark": lambda sound: sound[:8],
}
