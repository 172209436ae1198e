"""Reads JSON, an object a line, as CPython's json does, and prints how many there were."""

import json
import sys

print(sum(1 for line in sys.stdin if isinstance(json.loads(line), dict)))
