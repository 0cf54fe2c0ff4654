"""Print a network's nodes: inputs, the tasks that share them, parameters and multiply-accumulates.

    mtzoo summary --config 4pe_resize/multitask
    mtzoo summary --config 4pe_resize/multitask --tasks seg_default,seg_lane
"""

import argparse

from rich.table import Table

from mtzoo.cli.arguments import add_config_arguments, config_and_network
from mtzoo.cli.parser import Parser
from mtzoo.console import say

HELP = "print a config's node graph with parameters and MACs"


def add_arguments(parser: Parser) -> None:
    add_config_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from mtzoo.config import parts
    from mtzoo.engine.auxiliary import auxiliary_costs, build_auxiliary
    from mtzoo.engine.stages import quantization_of
    from mtzoo.models.costs import node_costs
    from mtzoo.quantization import expected_parts

    config, net = config_and_network(args, "summary", parts.network)
    input_hw = config.deploy_geometry.input_hw
    costs = node_costs(net, input_hw)
    params, macs = sum(c.params for c in costs), sum(c.macs for c in costs)
    table = Table(title=f"{config.name} at {input_hw[0]}x{input_hw[1]}")
    for column in ("node", "type", "reads", "tasks"):
        table.add_column(column, overflow="fold")
    for column in ("parameters", "MMAC", "MACs"):
        table.add_column(column, justify="right", no_wrap=True)  # in a narrow terminal, names are folded and figures stay whole
    for cost in costs:
        tasks = "all" if len(cost.tasks) == len(net.tasks) > 1 else ", ".join(cost.tasks)
        table.add_row(cost.name, cost.type, ", ".join(cost.inputs), tasks, f"{cost.params:,}", f"{cost.macs / 1e6:.1f}",
                      f"{100 * cost.macs / macs:.1f} %")
    table.add_section()
    table.add_row("total", "", "", "", f"{params:,}", f"{macs / 1e6:.1f}", "")
    say(table)
    unshared, shared = net.get_unshared_and_shared_params()
    sizes = {name: p.numel() for name, p in net.named_parameters()}
    shared_size = sum(sizes[n] for n in shared)
    say(f"shared by several tasks: {shared_size:,} parameters ({100 * shared_size / params:.1f} %); by one task: "
                  + ", ".join(f"{t} {sum(sizes[n] for n in names):,}" for t, names in unshared.items()))
    for layer in expected_parts(net, quantization_of(config)):
        say(f"with the weights it starts with, {layer}")
    if (auxiliary := build_auxiliary(config, net)) is not None:
        for cost in auxiliary_costs(net, auxiliary, input_hw):
            say(f"training in float adds: {cost.name} ({cost.type}, reads {', '.join(cost.inputs)}) for {cost.tasks[0]}, weight "
                f"{config.auxiliary[cost.name].weight:g}: {cost.params:,} parameters, {cost.macs / 1e6:.1f} MMAC")
    return 0
