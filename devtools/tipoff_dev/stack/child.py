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
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
