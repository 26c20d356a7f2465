"""A page to open: everything there is to see in a model, in one HTML file that needs nothing else.

report          `write_report`: the sections of the page
document        HTML around them, and the style sheet: dark mode, paper, narrow windows
charts          histograms and curves as SVG
weights         the section on weights
training        the section on the history; the rows of a CSVLogger
"""

from minidl.inspect.page.report import write_report

__all__ = ["write_report"]
