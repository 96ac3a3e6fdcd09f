"""How a driver's program tells what it found: a line "ok NAME" or "FAILED NAME: WHAT" for each check."""
import sys
import traceback


def check(name, condition, told=""):
    print(f"ok {name}" if condition else f"FAILED {name}: {told}", flush=True)


def finish(main):
    """Runs the program; what it does not catch is one failure."""
    try:
        main()
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        mine = [f for f in traceback.extract_tb(error.__traceback__) if "driver_" in f.filename]
        where = mine[-1] if mine else where
        print(f"FAILED line {where.lineno}: {type(error).__name__}: {' '.join(str(error).split())}")
        sys.exit(1)
