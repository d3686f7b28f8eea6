"""Replays the day: a fresh stack in event time, one tick after the other, each when the one before is done."""

import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tipoff_common.yaml_source import ConfigurationError
from tipoff_dev.demo.day import GAME_DAY, ask_dataset, faults, ticks
from tipoff_dev.demo.show import Timeline, show_addresses, show_answers
from tipoff_dev.fakes.sources.scenario import load_scenario
from tipoff_dev.stack.layout import Layout
from tipoff_dev.stack.processes import StackError
from tipoff_dev.stack.stack import running_stack


def run_demo(console: Console, scenario: Path | None = None) -> int:
    """Exit code 0 when the dataset says what happened, 1 with each difference when it does not.

    scenario: another day at the sources than the one whose outcome is known.

    Raises:
        StackError: the stack did not start, or a process of it ended.
    """
    if scenario is not None:
        _require_scenario(scenario)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tipoff-demo-") as folder, console.status("starting") as status:
        layout = Layout.on_free_ports(event_time=True)
        with running_stack(layout, Path(folder), progress=status.update, scenario=scenario) as stack:
            status.stop()
            show_addresses(console, stack)
            console.rule(f"{GAME_DAY:%A %d %B %Y}, New York time")
            timeline = Timeline(console, stack.warehouse)
            for tick in ticks():
                stack.publisher.publish([tick])
                stack.wait_until_quiet()
                timeline.show(tick)
            answers = ask_dataset(stack.warehouse)
    show_answers(console, answers)
    wrong = faults(answers)
    for fault in wrong:
        console.print(Text.assemble(("✘ ", "red"), fault), soft_wrap=True)
    seconds = time.monotonic() - started
    console.print(
        f"[green]✔[/] the dataset tells the day as it was ({seconds:.0f} s)"
        if not wrong
        else "[red]the dataset is off[/]"
    )
    return 1 if wrong else 0


def _require_scenario(path: Path) -> None:
    try:
        load_scenario(path)
    except ConfigurationError as error:
        raise StackError(f"{path} is no scenario:\n{error}") from error
