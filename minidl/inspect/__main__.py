"""python -m minidl.inspect model.keras: the explanation of a saved model; with -o report.html, a page to open."""

import argparse
import os
import sys
from collections.abc import Sequence

from minidl.inspect.explanation import explain
from minidl.inspect.logs import read_log
from minidl.inspect.page.report import write_report
from minidl.messages import say
from minidl.saving import load_model

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; 0 if it went well, 2 if not, with one line on stderr that says why."""
    asked = _parser().parse_args(arguments)
    if asked.lang:
        os.environ["MINIDL_LANG"] = asked.lang
    try:
        if asked.history and not asked.output:
            raise ValueError(say("--history is for the page: add -o report.html."))
        model = load_model(asked.model)
        if asked.output:
            write_report(model, asked.output, read_log(asked.history) if asked.history else None)
        else:
            print(explain(model), flush=True)
    except BrokenPipeError:  # whoever reads has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError, TypeError, ImportError) as error:
        print(f"minidl.inspect: {_line(error)}", file=sys.stderr)
        return 2
    return 0


def _line(error: Exception) -> str:
    """What went wrong, on one line."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    line = " ".join(str(error).split())
    if "custom_objects" in line:
        call = "write_report(load_model('model.keras', custom_objects={...}), 'report.html')"
        line += " " + say(f"From Python: {call}.")
    return line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m minidl.inspect",
        description=say("Explains a saved model, or writes a page that shows what is in it."),
    )
    add = parser.add_argument
    add("model", help=say("A .keras file, or an .h5 file of Keras 2 that holds a whole model."))
    add(
        "-o",
        "--output",
        metavar="report.html",
        help=say("Write a page with the graph, an explanation of each layer, the weights and the history."),
    )
    add(
        "--history",
        metavar="log.csv",
        help=say("The file of a CSVLogger, for the page, instead of the history in the file of the model."),
    )
    add(
        "--lang",
        choices=["en", "ko"],
        help=say("English or Korean; by default the language of the system, or that of MINIDL_LANG."),
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
