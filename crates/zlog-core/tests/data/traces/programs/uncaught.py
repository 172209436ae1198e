"""An uncaught exception group with notes and a cause."""


def check(values):
    errors = []
    for value in values:
        try:
            int(value)
        except ValueError as error:
            error.add_note(f"value number {len(errors)}")
            errors.append(error)
    raise ExceptionGroup("two values\nare wrong", errors)


try:
    {}["config"]
except KeyError as error:
    try:
        check(["a", "b"])
    except ExceptionGroup as group:
        raise RuntimeError("could not start\nsee the notes") from group
