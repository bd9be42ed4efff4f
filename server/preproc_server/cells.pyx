# cython: language_level=3, boundscheck=True, wraparound=False
"""Takes the inputs of a request, as most clients write it, apart into the values of matrices.

Why compiled: 64 rows of eight texts are 512 values, and what Python does for each of them costs
more than the graph. Each byte is reached by `_take`, which holds it against the end of what it
stands in; whatever is not as usual raises `Unlike`, and protobuf reads it.
"""

from array import array

from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

ctypedef const unsigned char* Bytes

cdef enum Tag:
    INPUT = 0x2A  # of a request, whose raw contents come behind its outputs
    OUTPUT = 0x32
    RAW = 0x3A
    CONTENTS = 0x2A  # of an input
    BOOLS = 0x0A  # of contents
    SIGNED = 0x12
    SIGNED_LONG = 0x1A
    FLOATS = 0x32
    DOUBLES = 0x3A
    TEXTS = 0x42


class Unlike(Exception):
    """A request that is not as usual."""


cdef struct Cursor:
    Bytes at
    Bytes end


cdef Bytes _take(Cursor* cursor, uint64_t size) except NULL:
    """Go on by some bytes; give where they begin."""
    cdef Bytes begin = cursor.at
    if size > <uint64_t>(cursor.end - begin):
        raise Unlike
    cursor.at += size
    return begin


cdef int _expect(Cursor* cursor, unsigned char tag) except -1:
    """Go on by a byte that is known."""
    if _take(cursor, 1)[0] != tag:
        raise Unlike
    return 0


cdef int _expect_end(Cursor* cursor) except -1:
    if cursor.at != cursor.end:
        raise Unlike
    return 0


cdef int _read_number(Cursor* cursor, uint64_t* number) except -1:
    """Read a number as protobuf writes it: seven bits a byte, the low ones first."""
    cdef uint64_t byte
    cdef int shift
    number[0] = 0
    for shift in range(0, 63, 7):
        byte = _take(cursor, 1)[0]
        number[0] |= (byte & 0x7F) << shift
        if byte < 0x80:
            return 0
    byte = _take(cursor, 1)[0]
    if byte > 1:  # more than 64 bits
        raise Unlike
    number[0] |= byte << 63
    return 0


cdef int _enter(Cursor* cursor, Cursor* inside) except -1:
    """Go on by a length and so many bytes, which are then to be read by `inside`."""
    cdef uint64_t size
    _read_number(cursor, &size)
    inside.at = _take(cursor, size)
    inside.end = cursor.at
    return 0


cdef uint64_t _hash(Bytes text, Py_ssize_t size) noexcept:
    """Hash a text, by FNV-1a."""
    cdef uint64_t found = 0xCBF29CE484222325ULL
    cdef Py_ssize_t at
    for at in range(size):
        found = (found ^ text[at]) * 0x100000001B3ULL
    return found ^ (found >> 32)


cdef class Words:
    """Texts that training saw in a column, found by their bytes.

    Parameters
    ----------
    known
        Bytes in UTF-8 → text.
    """

    cdef list _written, _texts
    cdef int[::1] _slots
    cdef uint64_t _mask

    def __init__(self, known):
        cdef uint64_t slot
        cdef bytes written
        self._written, self._texts = list(known), list(known.values())
        size = 1 << (2 * len(known)).bit_length()
        self._slots, self._mask = array("i", [-1]) * size, size - 1
        for number, written in enumerate(self._written):
            slot = _hash(written, len(written)) & self._mask
            while self._slots[slot] >= 0:
                slot = (slot + 1) & self._mask
            self._slots[slot] = number

    cdef object find(self, Bytes text, Py_ssize_t size):
        """Give a text; None where training did not see it."""
        cdef uint64_t slot = _hash(text, size) & self._mask
        cdef bytes written
        while self._slots[slot] >= 0:
            written = self._written[self._slots[slot]]
            if len(written) == size and memcmp(<const char*>written, text, size) == 0:
                return self._texts[self._slots[slot]]
            slot = (slot + 1) & self._mask
        return None


cdef class Column:
    """How a column stands on the wire, and where its values go.

    Parameters
    ----------
    told
        What an input says of itself, up to the tag of its shape.
    tag
        Of its typed contents.
    size
        Of one value, bytes; 0 for text.
    low, high
        The least and the largest whole number.
    known
        Texts that training saw, bytes → text; None where they are not known.
    matrix, place, width
        Which matrix, where in its rows, and how wide these are.
    """

    cdef bytes told
    cdef int tag
    cdef Py_ssize_t size, matrix, place, width
    cdef int64_t low
    cdef uint64_t high
    cdef Words words

    def __init__(self, told, tag, size, low, high, known, matrix, place, width):
        self.told, self.tag, self.size, self.low, self.high = told, tag, size, low, high
        self.words = None if known is None else Words(known)
        self.matrix, self.place, self.width = matrix, place, width
        if not 0 <= place < width:
            raise ValueError(f"expected a place within {width} columns, got {place}")


cdef class Cells:
    """Reads the requests to one model.

    Parameters
    ----------
    columns
        In the order of the contract; one value a row each.
    matrices
        For each, bytes of a value, 0 for text, and values of a row.
    """

    cdef list _columns, _matrices

    def __init__(self, columns, matrices):
        self._columns, self._matrices = list(columns), list(matrices)
        if not self._columns:
            raise ValueError("expected columns, got none")

    def read(self, bytes content, Py_ssize_t at):
        """Read a request from its first input on.

        Returns
        -------
        rows, cells, rest, is_known
            How many rows; each matrix row by row, as bytes or as a list of texts; what is left
            of the request; whether training saw all texts of which it knows the words.

        Raises
        ------
        Unlike
            Where the request is not as usual.
        UnicodeDecodeError
            Where a text is no UTF-8.
        """
        cdef Cursor cursor, tensor, shape, values, first
        cdef Column column
        cdef uint64_t rows = 0, one
        cdef bint is_raw = False, is_known = True
        cdef list cells = None
        cdef Py_ssize_t columns = len(self._columns)
        if not 0 <= at <= len(content):
            raise Unlike
        cursor.at = <Bytes><const char*>content + at
        cursor.end = <Bytes><const char*>content + len(content)
        first.at = first.end = NULL
        for column in self._columns:
            _expect(&cursor, INPUT)
            _enter(&cursor, &tensor)
            if memcmp(_take(&tensor, len(column.told)), <const char*>column.told, len(column.told)):
                raise Unlike
            _enter(&tensor, &shape)
            if cells is None:
                first = shape
                _read_number(&shape, &rows)
                if shape.at != shape.end:
                    _read_number(&shape, &one)
                    if one != 1:
                        raise Unlike
                _expect_end(&shape)
                # a value takes a byte or more: no more is set aside than came
                if not 1 <= rows <= <uint64_t>(len(content) // columns):
                    raise Unlike
                is_raw = tensor.at == tensor.end
                cells = self._blank(rows)
            elif (
                shape.end - shape.at != first.end - first.at
                or memcmp(shape.at, first.at, first.end - first.at)
            ):
                raise Unlike
            if not is_raw:
                _expect(&tensor, CONTENTS)
                _enter(&tensor, &values)
                is_known &= _read_typed(&values, column, rows, cells[column.matrix])
            _expect_end(&tensor)
        first = cursor
        if is_raw:
            while cursor.at < cursor.end and cursor.at[0] == OUTPUT:
                _expect(&cursor, OUTPUT)
                _enter(&cursor, &values)
            first.end = cursor.at
            for column in self._columns:
                _expect(&cursor, RAW)
                _enter(&cursor, &values)
                is_known &= _read_raw(&values, column, rows, cells[column.matrix])
            _expect_end(&cursor)
        return rows, cells, <bytes>first.at[:first.end - first.at], is_known

    cdef list _blank(self, Py_ssize_t rows):
        cdef Py_ssize_t size, width
        return [
            bytearray(rows * width * size) if size else [None] * (rows * width)
            for size, width in self._matrices
        ]


cdef bint _read_typed(Cursor* values, Column column, uint64_t rows, cells) except -1:
    """Read typed contents; tell whether all words are known."""
    cdef Cursor inside
    cdef uint64_t row
    cdef bint is_known = True
    if column.tag == TEXTS:
        for row in range(rows):
            _expect(values, TEXTS)
            _enter(values, &inside)
            is_known &= _put_text(&inside, column, row, cells)
    else:
        _expect(values, column.tag)
        _enter(values, &inside)
        if column.tag == FLOATS or column.tag == DOUBLES:
            _put_fixed(&inside, column, rows, cells)
        else:
            _put_whole(&inside, column, rows, cells)
    _expect_end(values)
    return is_known


cdef bint _read_raw(Cursor* values, Column column, uint64_t rows, cells) except -1:
    """Read raw contents; tell whether all words are known."""
    cdef Cursor text
    cdef uint32_t size
    cdef uint64_t row
    cdef bint is_known = True
    if column.tag != TEXTS:
        _put_fixed(values, column, rows, cells)
        return True
    for row in range(rows):
        memcpy(&size, _take(values, sizeof(size)), sizeof(size))
        text.at = _take(values, size)
        text.end = values.at
        is_known &= _put_text(&text, column, row, cells)
    _expect_end(values)
    return is_known


cdef bint _put_text(Cursor* text, Column column, uint64_t row, list cells) except -1:
    """Put a text where it belongs; tell whether it is known, or none of its column are."""
    cdef Py_ssize_t size = text.end - text.at
    found = None if column.words is None else column.words.find(text.at, size)
    cdef bint is_known = found is not None or column.words is None
    if found is None:
        found = PyUnicode_DecodeUTF8(<const char*>text.at, size, NULL)
    cells[row * column.width + column.place] = found
    return is_known


cdef int _put_fixed(Cursor* values, Column column, uint64_t rows, bytearray cells) except -1:
    """Put numbers of one size where they belong."""
    cdef Py_ssize_t size = column.size, step = column.size * column.width
    cdef Bytes found = _take(values, rows * size)
    cdef char* place = <char*>cells + column.place * size
    cdef uint64_t row
    _expect_end(values)
    if column.tag == BOOLS:
        for row in range(rows):
            if found[row] > 1:
                raise Unlike
    if size == sizeof(double):
        for row in range(rows):
            memcpy(place + row * step, found + row * sizeof(double), sizeof(double))
    else:
        for row in range(rows):
            memcpy(place + row * step, found + row * size, size)
    return 0


cdef int _put_whole(Cursor* values, Column column, uint64_t rows, bytearray cells) except -1:
    """Put whole numbers, which differ in length, where they belong."""
    cdef Py_ssize_t size = column.size, step = column.size * column.width
    cdef char* place = <char*>cells + column.place * size
    cdef bint is_signed = column.tag == SIGNED or column.tag == SIGNED_LONG
    cdef uint64_t row, number
    for row in range(rows):
        _read_number(values, &number)
        if is_signed:
            if not column.low <= <int64_t>number <= <int64_t>column.high:
                raise Unlike
        elif number > column.high:
            raise Unlike
        memcpy(place + row * step, &number, size)
    _expect_end(values)
    return 0
