"""Small valid data files of every format, as bytes, for tests that damage them."""
import dataclasses
import functools
import gzip
import io
import struct
import zlib

import harness

IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
NAMES = ["a", "b", "c", "d"]  # of the table's columns
PIXELS = (16, 16)
# Adam7: first row and column of each pass, and the steps between its pixels.
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
         (1, 0, 2, 1)]  # fmt: skip


def table():
    """The numbers of the samples that are tables."""
    np = harness.need("numpy")
    return np.arange(24.0).reshape(6, 4) ** 2 % 97


def pixels(*channels):
    np = harness.need("numpy")
    return np.random.default_rng(7).integers(0, 256, PIXELS + channels, np.uint8)


def idx(code, x):
    head = bytes([0, 0, code, x.ndim]) + struct.pack(f">{x.ndim}I", *x.shape)
    return head + x.astype(IDX_TYPES[code]).tobytes()


def npy(dtype, x, version=(1, 0), order="C"):
    content = io.BytesIO()
    np = harness.need("numpy")
    np.lib.format.write_array(content, np.asarray(x, dtype, order=order), version)
    return content.getvalue()


def npz(save, x):
    content = io.BytesIO()
    getattr(harness.need("numpy"), save)(content, x=x)
    return content.getvalue()


def csv(separator, x, form="{}", header=True):
    lines = [NAMES] if header else []
    lines += [[form.format(float(v)) for v in row] for row in x]
    return "".join(separator.join(line) + "\n" for line in lines).encode()


def hdf5(x, **how):
    content = io.BytesIO()
    with harness.need("h5py").File(content, "w") as f:
        f.create_dataset("x", data=x, **how)
    return content.getvalue()


def image(kind, array, mode=None, **how):
    content = io.BytesIO()
    picture = harness.need("PIL.Image").fromarray(array)
    (picture.convert(mode) if mode else picture).save(content, kind, **how)
    return content.getvalue()


def interlaced_png(array):
    """Grey pixels as an interlaced PNG, which Pillow does not write."""

    def chunk(kind, body):
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    rows = b""
    for top, left, down, right in ADAM7:
        rows += b"".join(b"\0" + row.tobytes() for row in array[top::down, left::right])
    head = struct.pack(">2I5B", *array.shape[::-1], 8, 0, 0, 0, 1)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@dataclasses.dataclass
class Format:
    """make(x): the file; x, the table, is of no account to pictures."""

    name: str
    make: object
    text: bool = False  # a part of it, or more of it, may be a table too
    exact: bool = False  # its header tells its length: not one byte more
    checked: bool = False  # checksums guard its values
    library: bool = False  # its library is trusted with damage inside the file
    holds_nan: bool = False
    named: bool = False  # lines and column names tell a place

    def __post_init__(self):
        self.sample = functools.cache(lambda: self.make(table()))


def zipped(make):
    return lambda x: gzip.compress(make(x), mtime=0)


def formats():
    tables = dict(text=True, holds_nan=True, named=True)
    numbers = dict(exact=True, holds_nan=True)
    part = functools.partial
    found = [Format(f"IDX {t}", part(idx, c), exact=True, holds_nan="f" in t)
             for c, t in IDX_TYPES.items()]  # fmt: skip
    found += [Format(f"NPY {t}", part(npy, t), exact=True, holds_nan="f" in t)
              for t in ("u1", "<i2", ">u4", "<i8", "<f2", ">f4", "<f8")]  # fmt: skip
    found += [
        Format("NPY 2.0", part(npy, "<f8", version=(2, 0)), **numbers),
        Format("NPY 3.0", part(npy, "<f8", version=(3, 0)), **numbers),
        Format("NPY Fortran", part(npy, ">f8", order="F"), **numbers),
        Format("NPZ stored", part(npz, "savez"), checked=True, holds_nan=True),
        Format("NPZ deflated", part(npz, "savez_compressed"), checked=True, holds_nan=True),
        Format("CSV", part(csv, ","), **tables),
        Format("CSV semicolons", part(csv, ";"), **tables),
        Format("CSV quoted", part(csv, ",", form='"{}"'), **tables),
        Format("TSV", part(csv, "\t"), **tables),
        Format("IDX.gz", zipped(part(idx, 14)), checked=True, **numbers),
        Format("NPY.gz", zipped(part(npy, "<f8")), checked=True, **numbers),
        Format("NPZ.gz", zipped(part(npz, "savez")), checked=True, holds_nan=True),
        Format("CSV.gz", zipped(part(csv, ",")), checked=True, **tables),
        Format("HDF5", hdf5, library=True, holds_nan=True),
        Format("HDF5 chunked", part(hdf5, chunks=(2, 4), compression="gzip"), library=True,
               holds_nan=True),
        Format("PNG grey", lambda x: image("PNG", pixels()), checked=True),
        Format("PNG grey 16", lambda x: image("PNG", pixels() * harness.need("numpy").uint16(257)),
               checked=True),
        Format("PNG RGB", lambda x: image("PNG", pixels(3)), checked=True),
        Format("PNG RGBA", lambda x: image("PNG", pixels(4)), checked=True),
        Format("PNG palette", lambda x: image("PNG", pixels(3), "P"), checked=True),
        Format("PNG interlaced", lambda x: interlaced_png(pixels()), checked=True),
        Format("JPEG grey", lambda x: image("JPEG", pixels())),
        Format("JPEG RGB", lambda x: image("JPEG", pixels(3))),
        Format("JPEG progressive", lambda x: image("JPEG", pixels(3), progressive=True)),
        Format("BMP 8", lambda x: image("BMP", pixels())),
        Format("BMP 24", lambda x: image("BMP", pixels(3))),
    ]  # fmt: skip
    return found
