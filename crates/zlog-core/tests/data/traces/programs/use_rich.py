from rich.console import Console

try:
    {}["x"]
except KeyError:
    Console(width=90, file=open("/dev/stderr", "w")).print_exception()
