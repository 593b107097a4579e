"""Configuration of the documentation site; ``make docs`` builds it and fails on any warning."""

from importlib.metadata import version as installed_version

import myst_nb.sphinx_ext

project = "scatflow"
author = "The scatflow developers"
copyright = "The scatflow developers"
version = release = installed_version("scatflow")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
root_doc = "index"
exclude_patterns = ["**/.ipynb_checkpoints"]
html_theme = "furo"
html_title = f"scatflow {release}"
html_static_path: list[str] = []
html_show_copyright = False

myst_enable_extensions = ["amsmath", "dollarmath", "fieldlist"]
myst_heading_anchors = 3

nb_execution_mode = "force"  # notebooks are committed without outputs
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_output_stderr = "error"  # a warning of a cell fails the build as any other
nb_merge_streams = True
myst_nb.sphinx_ext.OUTPUT_FOLDER = "build/jupyter_execute"  # beside site/; it has no option

napoleon_google_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the numpydoc sections say it in words; signatures would repeat the whole array stack
