"""The 64-bit fingerprint of a string that TensorFlow uses: Fingerprint64 of FarmHash.

Source: Geoff Pike, FarmHash (2014), whose Fingerprint64 is fixed for all times and machines.
"""

_MASK = 2**64 - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def fingerprint64(text):
    """The fingerprint of `bytes`: a number below 2**64."""
    n = len(text)
    if n <= 16:
        return _short(text, n)
    if n <= 64:
        return _medium(text, n)
    return _long(text, n)


def _u64(text, at):
    return int.from_bytes(text[at : at + 8], "little")


def _u32(text, at):
    return int.from_bytes(text[at : at + 4], "little")


def _turn(x, bits):
    x &= _MASK
    return ((x >> bits) | (x << (64 - bits))) & _MASK


def _shift_mix(x):
    x &= _MASK
    return x ^ (x >> 47)


def _mix(u, v, mul):
    """Two words as one."""
    u, v = u & _MASK, v & _MASK
    a = _shift_mix((u ^ v) * mul)
    return _shift_mix((v ^ a) * mul) * mul & _MASK


def _short(text, n):
    if n >= 8:
        mul, a, b = _K2 + n * 2, _u64(text, 0) + _K2, _u64(text, n - 8)
        return _mix(_turn(b, 37) * mul + a, (_turn(a, 25) + b) * mul, mul)
    if n >= 4:
        return _mix(n + (_u32(text, 0) << 3), _u32(text, n - 4), _K2 + n * 2)
    if n:
        y, z = text[0] + (text[n >> 1] << 8), n + (text[n - 1] << 2)
        return _shift_mix(y * _K2 ^ z * _K0) * _K2 & _MASK
    return _K2


def _medium(text, n):
    mul = _K2 + n * 2
    first = _K1 if n <= 32 else _K2
    a, b = _u64(text, 0) * first, _u64(text, 8)
    c, d = _u64(text, n - 8) * mul, _u64(text, n - 16) * _K2
    y = _turn(a + b, 43) + _turn(c, 30) + d
    z = _mix(y, a + _turn(b + _K2, 18) + c, mul)
    if n <= 32:
        return z
    e, f = _u64(text, 16) * mul, _u64(text, 24)
    g, h = (y + _u64(text, n - 32)) * mul, (z + _u64(text, n - 24)) * mul
    return _mix(_turn(e + f, 43) + _turn(g, 30) + h, e + _turn(f + a, 18) + g, mul)


def _weak(text, at, a, b):
    """32 bytes and two words as two words."""
    w, x, y, z = (_u64(text, at + 8 * i) for i in range(4))
    a += w
    b = _turn(b + a + z, 21)
    c = a
    a += x + y
    return (a + z) & _MASK, (b + _turn(a, 44) + c) & _MASK


def _long(text, n):
    x, y = 81, (81 * _K1 + 113) & _MASK
    z = _shift_mix(y * _K2 + 113) * _K2 & _MASK
    v = w = (0, 0)
    x = x * _K2 + _u64(text, 0)
    for at in range(0, (n - 1) // 64 * 64, 64):
        x, y, z, v, w = _block(text, at, x, y, z, v, w, _K1, 1)
    mul, at = _K1 + ((z & 0xFF) << 1), n - 64
    w = (w[0] + ((n - 1) & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x, y, z, v, w = _block(text, at, x, y, z, v, w, mul, 9)
    return _mix(_mix(v[0], w[0], mul) + _shift_mix(y) * _K0 + z, _mix(v[1], w[1], mul) + x, mul)


def _block(text, at, x, y, z, v, w, mul, times):
    """The state after 64 bytes more."""
    x = _turn(x + y + v[0] + _u64(text, at + 8), 37) * mul
    y = _turn(y + v[1] + _u64(text, at + 48), 42) * mul
    x ^= w[1] * times
    y += v[0] * times + _u64(text, at + 40)
    z = _turn(z + w[0], 33) * mul
    v = _weak(text, at, v[1] * mul, x + w[0])
    w = _weak(text, at + 32, z + w[1], y + _u64(text, at + 16))
    return z & _MASK, y & _MASK, x & _MASK, v, w
