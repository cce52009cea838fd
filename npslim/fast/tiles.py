"""How work is cut into tiles: by the shape alone, so that the same sums are added up whoever does them."""

PARTS = 8  # at most, into which a long loop is cut


def cut(n, rows, columns, places, least=None):
    """[(images, rows)] of tiles of about `places` places of `n` images: some rows of one image, or some images.

    least: tiles may be as small as that if there are fewer than 4 otherwise.
    """
    if not n * rows * columns:
        return []
    if least is not None:
        places = min(places, max(least, n * rows * columns // 4, 1))
    if rows * columns >= places:
        step = -(-rows // -(-rows * columns // places))
        return [(slice(i, i + 1), slice(y, min(rows, y + step))) for i in range(n) for y in range(0, rows, step)]
    step = max(1, places // (rows * columns))
    return [(slice(i, min(n, i + step)), slice(0, rows)) for i in range(0, n, step)]


def stretches(count, least):
    """[slice] of a few stretches of `count` elements, of at least `least` each, all but the last multiples of that."""
    step = max(1, least) * max(1, -(-count // (max(1, least) * PARTS)))
    return [slice(start, min(count, start + step)) for start in range(0, count, step)]
