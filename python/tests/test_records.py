"""What is published: topics, attributes, extras, tracebacks."""

from __future__ import annotations

import datetime
import decimal
import json
import logging
import sys
import threading
from typing import Any

import pytest
from conftest import DEADLINE, Reader

from zlog_logging import LogRecordSubscriber, ZlogHandler, _records


def publish(reader: Reader, log: Any, **options: Any) -> list:
    """The messages of what ``log(logger)`` logs."""
    reader.start()
    handler = ZlogHandler(reader.endpoint, wait=DEADLINE, **options)
    logger = logging.Logger("shop.db", logging.DEBUG)
    logger.addHandler(handler)
    count = log(logger) or 1
    handler.close()
    return reader.wait_for(count)


def test_a_record_arrives_with_all_its_attributes(reader):
    messages = publish(reader, lambda logger: logger.warning("row %d of %s", 7, "users"))
    topic, body = messages[0]
    assert topic == "shop.db.WARNING"
    assert body["msg"] == "row 7 of users" and body["args"] is None
    assert body["levelno"] == 30 and body["levelname"] == "WARNING"
    assert body["funcName"] == "<lambda>" and body["filename"] == "test_records.py"
    assert body["threadName"] == threading.current_thread().name
    assert body["seq"] == 1 and body["source"].startswith(body["hostname"])
    assert "exc_info" not in body
    assert ("taskName" in body) == (sys.version_info >= (3, 12))


def test_a_traceback_and_a_stack_arrive_as_text(reader):
    def log(logger):
        try:
            raise ValueError("no connection")
        except ValueError:
            logger.exception("query failed", stack_info=True)

    _, body = publish(reader, log)[0]
    assert body["exc_text"].endswith("ValueError: no connection")
    assert body["stack_info"].startswith("Stack (most recent call last)")


def test_the_root_and_the_subtopic_form_the_topic(reader):
    def log(logger):
        logger.error("db::lost")
        logger.error("std::string", extra={"subtopic": "cache"})
        logger.log(25, "odd")
        return 3

    messages = publish(reader, log, root="web", delimiter="::")
    assert [topic for topic, _ in messages] == ["web.ERROR.db", "web.ERROR.cache", "web.Level 25"]
    assert [body["msg"] for _, body in messages] == ["lost", "std::string", "odd"]


def test_numbers_count_per_topic(reader):
    def log(logger):
        for _ in range(3):
            logger.info("a")
            logger.error("b")
        return 6

    messages = publish(reader, log)
    for topic in ("shop.db.INFO", "shop.db.ERROR"):
        assert [body["seq"] for at, body in messages if at == topic] == [1, 2, 3]


class Broken:
    def __str__(self):
        raise RuntimeError("no text")


EXTRAS = [
    (17, 17),
    ("häm\n\x1b[31m\udc80", "häm\n\x1b[31m\udc80"),
    (float("nan"), "nan"),
    (float("-inf"), "-inf"),
    (b"\xff", "b'\\xff'"),
    (decimal.Decimal("1.10"), "1.10"),
    (datetime.date(2026, 11, 26), "2026-11-26"),
    ({1: {2, }}, {"1": "{2}"}),
    ((1, [2, {"a": None}]), [1, [2, {"a": None}]]),
    ({(1, 2): "x"}, {"(1, 2)": "x"}),
    (Broken(), "<Broken: str() failed with RuntimeError>"),
    ({Broken(): 1}, {"<Broken: str() failed with RuntimeError>": 1}),
]


@pytest.mark.parametrize("value, expected", EXTRAS, ids=lambda value: type(value).__name__)
def test_extras_of_any_type_arrive(reader, value, expected):
    _, body = publish(reader, lambda logger: logger.info("x", extra={"field": value}) or 1)[0]
    assert body["field"] == expected


def test_a_recursive_extra_does_not_cost_the_record(reader):
    value: list = []
    value.append(value)
    _, body = publish(reader, lambda logger: logger.info("x", extra={"field": value}))[0]
    assert body["msg"] == "x"


def test_an_extra_keeps_the_value_that_it_had_at_the_call(reader):
    def log(logger):
        items = [1]
        logger.info("x", extra={"items": items})
        items.append(2)

    assert publish(reader, log)[0][1]["items"] == [1]


def test_extras_named_like_fields_of_zlog_are_renamed(reader):
    extra = {"source": "cache", "seq": 9, "source_": "kept"}
    _, body = publish(reader, lambda logger: logger.info("x", extra=extra))[0]
    assert (body["source__"], body["seq_"], body["source_"]) == ("cache", 9, "kept")
    assert body["seq"] == 1


def test_wrong_arguments_of_a_message_are_reported_and_the_record_is_sent(reader, capsys):
    _, body = publish(reader, lambda logger: logger.info("%d rows", "no number"))[0]
    assert body["msg"] == '%d rows ["no number"]'
    assert "--- Logging error ---" in capsys.readouterr().err


# CPython refuses to print integers of more than 4300 digits since 3.10.7.
HUGE = 10**5000


def test_what_cannot_be_printed_ends_neither_the_caller_nor_the_records_after_it(reader, capsys):
    def log(logger):
        logger.info("%d", HUGE)
        logger.info(Broken())
        logger.info("extra", extra={"n": HUGE})
        logger.info("last")
        return 4

    bodies = [body for _, body in publish(reader, log)]
    assert bodies[1]["msg"].startswith("<Broken: str() failed with RuntimeError>")
    assert [body["msg"] for body in bodies[2:]] == ["extra", "last"]
    assert bodies[2]["n"] in (HUGE, hex(HUGE))
    capsys.readouterr()


@pytest.mark.parametrize("fields", [{"name": 5}, {"getMessage": 5}, {"__class__": 5, "name": None}])
def test_fields_that_would_break_a_record_are_left_out(fields):
    record = _records.decode(b"shop.INFO", json.dumps({"msg": "x", **fields}).encode())
    assert (record.getMessage(), record.name) == ("x", "shop")
    logging.getLogger(record.name).handle(record)


def test_attributes_of_other_formatters_are_not_sent(reader):
    def log(logger):
        other = logging.StreamHandler(sys.stdout)
        other.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logger.handlers.insert(0, other)
        logger.info("x")

    _, body = publish(reader, log)[0]
    assert "message" not in body and "asctime" not in body


def test_a_python_reader_gets_the_record_that_was_logged(reader):
    subscriber = LogRecordSubscriber(reader.endpoint, topics="shop.")
    handler = ZlogHandler(reader.endpoint, wait=DEADLINE)
    logger = logging.Logger("shop.db", logging.DEBUG)
    logger.addHandler(handler)
    try:
        raise KeyError("k")
    except KeyError:
        logger.exception("failed %s", "here", extra={"user": 17})
    with subscriber:
        record = next(iter(subscriber))
        text = logging.Formatter("%(name)s %(levelname)s %(message)s %(user)d").format(record)
    handler.close()
    assert text.splitlines()[0] == "shop.db ERROR failed here 17"
    assert text.endswith("KeyError: 'k'")
    assert record.topic == "shop.db.ERROR"
