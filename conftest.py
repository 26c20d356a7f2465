"""Before pytest runs the examples of one module, it must have been imported as part of minidl, or it runs twice."""

import minidl as minidl
