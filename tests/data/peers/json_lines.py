"""Reads JSON lines with CPython's json, and prints the number of objects."""

import json
import sys

print(sum(1 for line in sys.stdin if isinstance(json.loads(line), dict)))
