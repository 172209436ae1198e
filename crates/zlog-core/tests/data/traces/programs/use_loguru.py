import sys

from loguru import logger

logger.remove()
logger.add(sys.stderr, colorize=False, diagnose=True, backtrace=True)


def divide(a, b):
    return a / b


@logger.catch
def outer():
    try:
        divide(1, 0)
    except ZeroDivisionError as error:
        raise ValueError("no ratio") from error


logger.info("up")
outer()
logger.info("end")
