"""A replay of the day on a fresh stack in event time; each tick waits until the previous tick is processed."""

import tempfile
import time
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tipoff_dev.demo.day import GAME_DAY, Answers, ask_dataset, faults, ticks
from tipoff_dev.demo.show import Timeline, show_addresses, show_answers
from tipoff_dev.stack.layout import Layout
from tipoff_dev.stack.stack import Stack, StackOptions, running_stack


def run_demo(console: Console, scenario: Path | None, *, keep: bool) -> int:
    """Replay the day; return 0 when the dataset's answers are as expected, else print each difference and return 1.

    scenario: a valid scenario file with other publications of the sources; the expected answers stay the same.
    keep: leave the stack running afterwards, until the process is interrupted.

    Raises:
        StackError: the stack did not start, or a process of it ended.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tipoff-demo-") as folder, console.status("starting") as status:
        layout = Layout.on_free_ports(event_time=True)
        with running_stack(
            layout, Path(folder), StackOptions(scenario=scenario), progress=status.update
        ) as stack:
            status.stop()
            show_addresses(console, stack)
            console.rule(f"{GAME_DAY:%A %d %B %Y}, New York time")
            timeline = Timeline(console, stack.warehouse)
            for tick in ticks():
                stack.publisher.publish([tick])
                stack.wait_until_quiet()
                timeline.show(tick)
            answers = ask_dataset(stack.warehouse)
            if keep:
                code = _show_verdict(console, answers, started)
                _keep_open(console, stack)
                return code
    return _show_verdict(console, answers, started)


def _show_verdict(console: Console, answers: Answers, started: float) -> int:
    """Print the dataset's answers and their differences from the expected ones; return the exit code."""
    show_answers(console, answers)
    wrong = faults(answers)
    for fault in wrong:
        console.print(Text.assemble(("✘ ", "red"), fault), soft_wrap=True)
    seconds = time.monotonic() - started
    console.print(
        f"[green]✔[/] the dataset matches the day ({seconds:.0f} s)"
        if not wrong
        else "[red]the dataset differs from the day[/]"
    )
    return 1 if wrong else 0


def _keep_open(console: Console, stack: Stack) -> None:
    """Leave the stack running until the process is interrupted. Raises StackError when a process of the stack ends."""
    console.print(f"the day is over and the stack still runs; its day is {GAME_DAY}. Ctrl-C stops it")
    console.print(f"development key: {stack.layout.development_key}", highlight=False, soft_wrap=True)
    console.print(f"console: {stack.layout.url('monitor')}/", highlight=False, soft_wrap=True)
    with suppress(KeyboardInterrupt):
        while True:
            stack.processes.check()
            time.sleep(1.0)
