"""Before pytest runs the examples of one module, it must have been imported as part of minidl, or it runs twice."""

import os

import minidl as minidl

os.environ["MINIDL_LANG"] = "en"  # the tests know the messages in English
