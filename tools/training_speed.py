"""A training step of a network in float and with fake-quant, beside plain PyTorch of the same network: ms, images/s, peak memory.

    python tools/training_speed.py 4pe_resize/multitask --hw 256x512 --batch 4 --threads 2
    python tools/training_speed.py 4pe_fast/multitask --forms plain bf16 fake-quant fake-quant-bf16 compiled-bf16

A step is forward, backward and the optimizer on noise; the loss is the mean square of all outputs, so what is measured is the
network. With fake-quant, quantizers observe and round, as in `quant-train`. Steps of all forms are taken in turns; the memory is that
of a process for each form, beyond what the libraries take (Linux; of compiled forms it is the compiler's). Compiling takes minutes.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from multiprocessing import get_context

import torch
from one_line_errors import one_line_errors
from torch import nn

from mtzoo.cli.numbers import size
from mtzoo.config.load import load_config
from mtzoo.console import say
from mtzoo.engine.stages import config_network
from mtzoo.layers import normalize_image
from mtzoo.locate import find_config
from mtzoo.quantization import fold_bn, prepare, set_fake_quant, set_observing

PLAIN, FLOAT, BF16, FAKE, FOLDED, FAKE_BF16, COMPILED, COMPILED_BF16 = FORMS = (
    "plain", "float", "bf16", "fake-quant", "folded", "fake-quant-bf16", "compiled", "compiled-bf16")
"""fp32 with channels first; as mtzoo trains in float, channels last; the same under bf16 autocast; with fake-quant; BN folded, too;
fake-quant under autocast; float and bf16 with `torch.compile`, which mtzoo does not use."""
Step = Callable[[], None]


def make_step(net: nn.Module, form: str, images: torch.Tensor) -> Step:
    """One training step of a network of its own."""
    layout = torch.contiguous_format if form == PLAIN else torch.channels_last
    net, x = deepcopy(net).train().to(memory_format=layout), normalize_image(images).contiguous(memory_format=layout)
    if form in (FAKE, FOLDED, FAKE_BF16):
        prepare(net)
        set_observing(net, True)
        net(x.clone())  # a quantizer rounds only what it has seen
        set_fake_quant(net, True)
    if form == FOLDED:
        fold_bn(net, ["nodes.*"])
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)
    forward = torch.compile(net) if form in (COMPILED, COMPILED_BF16) else net

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=form in (BF16, FAKE_BF16, COMPILED_BF16)):
            outputs = forward(x.clone())
        loss = sum(value.float().square().mean() for maps in outputs.values() for value in maps.values())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def resident(key: str) -> int:
    """Bytes of this process: VmRSS now, VmHWM at most so far."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(f"{key}:"))


def peak_memory(net: nn.Module, form: str, images: torch.Tensor) -> int:
    """Bytes that two steps take at most, in a process of their own."""

    def measure(pipe) -> None:
        before = resident("VmRSS")
        step = make_step(net, form, images)
        step()
        step()
        pipe.send(resident("VmHWM") - before)

    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=measure, args=(theirs,))
    child.start()
    theirs.close()
    found = ours.recv()
    child.join()
    return found


@one_line_errors
def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="a shipped config's name, or a config file")
    parser.add_argument("--hw", type=size("--hw"), default=(256, 512), metavar="HxW", help="of the images (256x512)")
    parser.add_argument("--batch", type=int, default=4, help="images of a step (4)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (2)")
    parser.add_argument("--rounds", type=int, default=10, help="steps of each form (10)")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS[:5], metavar="FORM",
                        help=f"of {', '.join(FORMS)}; default: the first five")
    args = parser.parse_args(argv)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # OpenMP's threads do not survive a fork: a child would wait for them for ever
    net = config_network(load_config(find_config(args.config)))
    images = torch.randint(0, 256, (args.batch, 3, *args.hw), dtype=torch.uint8)
    memory = {form: peak_memory(net, form, images) for form in args.forms}
    torch.set_num_threads(args.threads)
    steps = {form: make_step(net, form, images) for form in args.forms}
    times: dict[str, list[float]] = {form: [] for form in args.forms}
    for i in range(args.rounds + 1):
        for form, step in steps.items():
            start = time.perf_counter()
            step()
            if i:
                times[form].append(time.perf_counter() - start)
    print_table(times, memory, args)
    return 0


def print_table(times: dict[str, list[float]], memory: dict[str, int], args: argparse.Namespace) -> None:
    from rich.table import Table

    table = Table(title=f"{args.config}, {args.batch} images of {args.hw[0]}x{args.hw[1]}, {args.threads} threads, {args.rounds} steps")
    for column in ("form", "median ms", "minimum ms", "images/s", "of the first", "peak MB"):
        table.add_column(column, justify="left" if column == "form" else "right")
    first = statistics.median(next(iter(times.values())))
    for form, seconds in times.items():
        median = statistics.median(seconds)
        table.add_row(form, f"{1e3 * median:.0f}", f"{1e3 * min(seconds):.0f}", f"{args.batch / median:.2f}", f"{median / first:.2f}",
                      f"{memory[form] / 2**20:.0f}")
    say(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
