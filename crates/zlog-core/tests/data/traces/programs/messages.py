"""Exceptions with messages of several lines and with notes, after records of logging."""
import logging

logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
try:
    error = ValueError("first line\nsecond line\n  third, indented\nfourth: with a colon")
    error.add_note("a note")
    error.add_note("a note\nof two lines")
    raise error
except ValueError:
    logging.exception("it failed")
logging.warning("next", stack_info=True)
try:
    {}["x"]
except KeyError:
    logging.error("both", exc_info=True, stack_info=True)
logging.error("bad argument %d", "x")
logging.warning("end")
