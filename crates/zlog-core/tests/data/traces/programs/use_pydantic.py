import logging

from pydantic import BaseModel


class Order(BaseModel):
    number: int
    items: list[int]


logging.basicConfig(format="%(levelname)s:%(name)s:%(message)s")
try:
    Order.model_validate({"items": [1, "x"]})
except ValueError:
    logging.exception("bad order")
logging.warning("end")
Order.model_validate({"items": [1, "x"]})
