"""A message that announces further lines, and SQLAlchemy's and PostgreSQL's additions."""
import logging

logging.basicConfig(format="%(levelname)s: %(message)s")


class OperationalError(Exception):
    pass


TEXTS = [
    "no such table: orders\n[SQL: SELECT 1]\n[parameters: (1,)]\n(Background on this error at: https://sqlalche.me/e/20/e3q8)",
    'column "x" does not exist\nLINE 1: SELECT x\n               ^\nHINT:  Perhaps you meant "y".',
    "bad values:\n- one,\n- two",
]
for text in TEXTS:
    try:
        raise OperationalError(text)
    except OperationalError:
        logging.exception("failed")
logging.warning("end")
