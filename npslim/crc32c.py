"""CRC-32C (Castagnoli), the checksum of TFRecords and TensorFlow's checkpoints, and its masked form.

google-crc32c computes it if it is installed; else NumPy does: the bytes are cut into columns of equal length, the
columns' checksums run side by side, and are put together by what a run of zero bytes does to a checksum.
"""

import functools
import importlib

import numpy as np

_POLYNOMIAL = 0x82F63B78
_MASK = 0xA282EAD8
_LANES = 1024


@functools.cache
def _table():
    """What one byte does to a checksum."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table.astype(np.uint32)


def crc32c(data):
    """The checksum of bytes: an int below 2**32."""
    found = _library()
    return crc32c_by_numpy(data) if found is None else found(data if type(data) is bytes else bytes(data))


@functools.cache
def _library():
    try:
        return importlib.import_module("google_crc32c").value
    except ImportError:
        return None


def crc32c_by_numpy(data):
    """The checksum without any library."""
    data = np.frombuffer(bytes(data), np.uint8)
    length = len(data) // _LANES
    state = np.uint32(0xFFFFFFFF)
    if length:
        columns = data[: length * _LANES].reshape(_LANES, length)
        lanes = np.zeros(_LANES, np.uint32)
        lanes[0] = state
        for i in range(length):
            lanes = _table()[(lanes ^ columns[:, i]) & 255] ^ (lanes >> np.uint32(8))
        state = lanes[0]
        zeros = _zeros(length)
        for lane in lanes[1:]:
            state = _applied(zeros, state) ^ lane
    for byte in data[length * _LANES :]:
        state = _table()[(state ^ byte) & 255] ^ (state >> np.uint32(8))
    return int(state ^ np.uint32(0xFFFFFFFF))


def _applied(matrix, state):
    """The product of a matrix of bits, by columns, with the bits of `state`."""
    bits = (int(state) >> np.arange(32)) & 1
    return np.bitwise_xor.reduce(np.where(bits == 1, matrix, 0).astype(np.uint32))


@functools.lru_cache(maxsize=64)
def _zeros(length):
    """What `length` zero bytes do to each bit of a checksum."""
    one = np.array([_table()[b & 255] ^ (b >> 8) for b in (1 << np.arange(32, dtype=np.uint64)).tolist()], np.uint32)
    result, power = (np.uint32(1) << np.arange(32, dtype=np.uint32)), one
    while length:
        if length & 1:
            result = np.array([_applied(power, column) for column in result], np.uint32)
        power = np.array([_applied(power, column) for column in power], np.uint32)
        length >>= 1
    return result


def masked_crc32c(data):
    """The checksum as files hold it: turned and shifted, so that checksums of checksums are no trouble."""
    value = crc32c(data)
    return ((value >> 15 | value << 17) + _MASK) & 0xFFFFFFFF
