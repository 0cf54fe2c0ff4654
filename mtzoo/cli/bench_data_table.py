"""What `mtzoo bench-data` prints."""

from rich.table import Table

from mtzoo.console import say
from mtzoo.data.bench import BOUND, KEPT, PLAIN, STAGES, InputSpeed, scaling

BUSY_BELOW = 0.95


def print_speed(config: str, speed: InputSpeed) -> None:
    """A row for each stage, end to end against decoding alone, then with workers."""
    table = Table(title=f"{config}: {speed.images} images, batch {speed.batch_size}, medians of {speed.rounds} rounds")
    for column in ("one core", "images/s", "ms an image", "of decoding alone"):
        table.add_column(column, justify="left" if column == "one core" else "right")
    for name, rate in speed.one_core.items():
        if name in STAGES:
            table.add_row(name, f"{rate:,.0f}", f"{1e3 / rate:.2f}", "")
    table.add_section()
    for name in (PLAIN, KEPT, BOUND):
        if rate := speed.one_core.get(name):
            table.add_row(name, f"{rate:.1f}", f"{1e3 / rate:.2f}", f"{100 * speed.bound_share.get(name, 1.0):.1f} %")
    table.add_section()
    for name, rates in (("loader", speed.loaders), (BOUND, speed.decoders)):
        for workers, rate in rates.items():
            title = f"{name}, {workers} worker{'s' if workers > 1 else ''}"
            table.add_row(title, f"{rate:.1f}", f"{1e3 / rate:.2f}", f"{scaling(rates)[workers]:.2f} x one worker")
    say(table)
    if speed.core_share < BUSY_BELOW:
        say(f"the measuring process had {100 * speed.core_share:.0f} % of its core: the machine is busy or the disk slow, "
            "measure again")
