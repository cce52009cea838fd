"""How work is cut into tiles: by the shape alone, so that the same sums are added up whoever does them."""


def cut(n, rows, columns, places):
    """[(images, rows)] of tiles of about `places` places of `n` images: some rows of one image, or some images."""
    if not rows * columns:
        return []
    if rows * columns >= places:
        step = -(-rows // -(-rows * columns // places))
        return [(slice(i, i + 1), slice(y, min(rows, y + step))) for i in range(n) for y in range(0, rows, step)]
    step = max(1, places // (rows * columns))
    return [(slice(i, min(n, i + step)), slice(0, rows)) for i in range(0, n, step)]
