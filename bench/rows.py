"""How quickly NumPy adds to rows of different lengths, for different buffers: python bench/rows.py

Prints billions of elements a second, the best of some: `x[::2] + x[1::2]`, then `x + v` for a vector `v`.
"""

import timeit

import numpy as np

LENGTHS, BUFFERS, ELEMENTS = (64, 224, 448, 896, 1792, 3584, 8192), (8192, 1024), 1 << 17


def speed(work):
    """Billions of elements a second."""
    return ELEMENTS / min(timeit.repeat(work, number=20, repeat=15)) * 20 / 1e9


def main():
    print("elements a row", *(f"{length:>10}" for length in LENGTHS))
    for buffer in BUFFERS:
        before, figures = np.setbufsize(buffer), []
        for length in LENGTHS:
            x, v = np.ones((2 * (ELEMENTS // length), length), np.float32), np.ones(length, np.float32)
            y = np.empty((len(x) // 2, length), np.float32)
            apart = speed(lambda x=x, y=y: np.add(x[::2], x[1::2], out=y))
            figures.append(f"{apart:4.1f} {speed(lambda y=y, v=v: np.add(y, v, out=y)):5.1f}")
        np.setbufsize(before)
        print(f"buffer {buffer:7}", *figures)


if __name__ == "__main__":
    main()
