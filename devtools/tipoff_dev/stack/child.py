"""`python -m tipoff_dev.stack.child FD MODULE [ARGUMENTS]`: runs a module that ends when its parent does.

The parent keeps the writing end of a pipe open. However it ends, kill -9 included, the operating system closes
that end, the read here returns, and the module is told to stop. It works wherever pipes do, unlike a signal on
the parent's death, which is Linux's alone.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 5.0
NOT_IN_IMAGES = ("pandas", "pyarrow")
"""No service's image has them. Google's client of BigQuery imports them where they are installed, as the embedded
warehouse's needs and the tests' are beside the developer's services: half a second of processor at each start."""


def _end_with_parent(descriptor: int) -> None:
    os.read(descriptor, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def main() -> None:
    """Run `MODULE` as `__main__` with its own arguments."""
    descriptor, module, *arguments = sys.argv[1:]
    threading.Thread(target=_end_with_parent, args=(int(descriptor),), daemon=True).start()
    sys.argv = [module, *arguments]
    if module.startswith("tipoff_"):
        # None in place of a module makes its import fail as if it were not installed.
        sys.modules.update(dict.fromkeys(NOT_IN_IMAGES))  # type: ignore[arg-type]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
