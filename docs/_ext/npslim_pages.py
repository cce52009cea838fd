"""Writes the pages that are made from the program: of the API, of the ops, and of the gallery."""

from pathlib import Path

import api_pages
import gallery_page
import op_pages


def write_all(app):
    """Write all pages to docs/generated, files that would not change left alone. Doctests need none of them anew."""
    folder = Path(app.srcdir) / "generated"
    app.config.html_extra_path.append(str(folder))
    if app.builder.name == "doctest" and folder.exists():
        return
    pages = {**api_pages.pages(), **op_pages.pages(), **gallery_page.pages()}
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.rglob("*.*"):
        if str(path.relative_to(folder)) not in pages:
            path.unlink()


def setup(app):
    app.connect("builder-inited", write_all)
    return {"parallel_read_safe": True}
