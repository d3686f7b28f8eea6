"""Replays the day: a fresh stack in event time, one tick after the other, each when the one before is done."""

import tempfile
import time
from pathlib import Path

from rich.console import Console

from tipoff_local.demo.day import GAME_DAY, ask_dataset, faults, ticks
from tipoff_local.demo.show import show_addresses, show_answers, show_tick
from tipoff_local.stack.layout import Layout
from tipoff_local.stack.stack import running_stack


def run_demo(console: Console) -> int:
    """Exit code 0 when the dataset says what happened, 1 with each difference when it does not."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tipoff-demo-") as folder, console.status("starting") as status:
        layout = Layout.on_free_ports(event_time=True)
        with running_stack(layout, Path(folder), progress=status.update) as stack:
            status.stop()
            show_addresses(console, stack)
            console.rule(f"{GAME_DAY:%A %d %B %Y}, New York time")
            for tick in ticks():
                stack.publisher.publish([tick])
                stack.wait_until_quiet()
                show_tick(console, tick, stack.warehouse)
            answers = ask_dataset(stack.warehouse)
    show_answers(console, answers)
    wrong = faults(answers)
    for fault in wrong:
        console.print(f"[red]✘[/] {fault}")
    seconds = time.monotonic() - started
    console.print(
        f"[green]✔[/] the dataset tells the day as it was ({seconds:.0f} s)"
        if not wrong
        else "[red]the dataset is off[/]"
    )
    return 1 if wrong else 0
