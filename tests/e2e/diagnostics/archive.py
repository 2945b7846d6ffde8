"""Archives taken apart, spoiled and put together again."""

import json
import struct
import zipfile

CENTRAL_HEADER = b"PK\x01\x02"
FLAGS, METHOD, CRC, PACKED_BYTES, BYTES, NAME_BYTES, EXTRA_BYTES, ATTRIBUTES, OFFSET = 8, 10, 16, 20, 24, 28, 30, 38, 42


class Archive:
    """The entries of an archive in memory, by their names."""

    def __init__(self, path=None):
        self.entries = {}
        if path is not None:
            with zipfile.ZipFile(path) as archive:
                self.entries = {name: archive.read(name) for name in archive.namelist()}

    def rename(self, old, new):
        self.entries[new] = self.entries.pop(old)

    def change(self, name, change):
        """Let ``change`` alter the JSON document of an entry."""
        document = json.loads(self.entries[name])
        change(document)
        self.entries[name] = json.dumps(document).encode()

    def write(self, path, compression=zipfile.ZIP_STORED):
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in self.entries.items():
                archive.writestr(zipfile.ZipInfo(name), content, compress_type=compression)
        return path


def central_header(data, name):
    """Where the directory's record of an entry begins."""
    at = data.index(CENTRAL_HEADER)
    while data[at + 46:at + 46 + struct.unpack_from("<H", data, at + NAME_BYTES)[0]] != name.encode():
        at = data.index(CENTRAL_HEADER, at + 4)
    return at


def patch(path, name, field, layout, value):
    """Overwrite one field of the directory's record of an entry."""
    data = bytearray(path.read_bytes())
    struct.pack_into(layout, data, central_header(data, name) + field, value)
    path.write_bytes(data)


def give_zip64_size(path, name, size):
    """Make the directory state a size for an entry in a zip64 extra field."""
    data = bytearray(path.read_bytes())
    at = central_header(data, name)
    end = data.rindex(b"PK\x05\x06")
    struct.pack_into("<II", data, at + PACKED_BYTES, 0xffffffff, 0xffffffff)
    name_bytes, extra_bytes = struct.unpack_from("<HH", data, at + NAME_BYTES)
    extra = struct.pack("<HHQQ", 1, 16, size, size)
    struct.pack_into("<H", data, at + EXTRA_BYTES, extra_bytes + len(extra))
    directory_bytes = struct.unpack_from("<I", data, end + 12)[0]
    struct.pack_into("<I", data, end + 12, directory_bytes + len(extra))
    after_name = at + 46 + name_bytes
    data[after_name:after_name] = extra
    path.write_bytes(data)
