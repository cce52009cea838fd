"""The documentation: python -m sphinx -W -b html docs OUT. Needs the extra `docs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "npslim"
author = "npslim developers"
copyright = "npslim developers, Apache-2.0"
html_title = "npslim"

extensions = ["myst_nb", "sphinx.ext.doctest", "sphinx.ext.mathjax", "npslim_pages"]
exclude_patterns = ["_ext", "generated/*.html"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type", "toc.not_included"]
nb_execution_mode = "off"  # the lessons are shown as tools/run_lessons.py stored them; the tests run them
doctest_global_setup = "import numpy as np\nimport npslim as slim"

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["npslim.css"]
html_show_sphinx = False
html_copy_source = False
