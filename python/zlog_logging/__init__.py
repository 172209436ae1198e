"""Python's ``logging`` over ZeroMQ, for ``zlog tail``, ``zlog relay`` and Python readers.

:class:`ZlogHandler` publishes whole records without making the caller wait for the network.
:class:`LogRecordSubscriber` receives records and gives them to Python handlers.
"""

from ._handler import ZlogHandler
from ._subscriber import LogRecordSubscriber

__all__ = ["LogRecordSubscriber", "ZlogHandler"]
