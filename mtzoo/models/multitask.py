"""One network, many consumers: images in, raw maps out; no loss, no decoding, no normalisation."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from mtzoo.layers import ImageQuant
from mtzoo.structures import RawOutputs


class MultiTaskNet(nn.Module):
    """Nodes by name, run in order; a node that several tasks name runs once.

    nodes: name -> module, in an order in which inputs come first; inputs: name -> names it reads ("image" is the image);
    heads: task -> the node whose dict of maps is the task's output; users: node -> tasks that need it.
    """

    def __init__(self, nodes: Mapping[str, nn.Module], inputs: Mapping[str, Sequence[str]], heads: Mapping[str, str],
                 users: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self.image_quant = ImageQuant()
        self.nodes = nn.ModuleDict(nodes)
        self.inputs = {name: tuple(names) for name, names in inputs.items()}
        self.heads = dict(heads)
        self.users = {name: tuple(tasks) for name, tasks in users.items()}

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.heads)

    def forward(self, images: Tensor) -> RawOutputs:
        """images (N, 3, H, W) float, (x - 128) / 128, BGR -> {task: {output: (N, C, H/s, W/s)}}."""
        values = {"image": self.image_quant(images)}
        for name, node in self.nodes.items():
            values[name] = node(*[values[source] for source in self.inputs[name]])
        return {task: values[head] for task, head in self.heads.items()}

    def is_shared(self, node: str) -> bool:
        """Whether more than one task needs the node."""
        return len(self.users[node]) > 1

    def get_unshared_and_shared_params(self) -> tuple[dict[str, list[str]], list[str]]:
        """({task: names of parameters only this task has}, [names of parameters of several tasks])."""
        unshared: dict[str, list[str]] = {task: [] for task in self.tasks}
        shared: list[str] = []
        for name, node in self.nodes.items():
            names = [f"nodes.{name}.{p}" for p, _ in node.named_parameters()]
            if self.is_shared(name):
                shared += names
            else:
                unshared[self.users[name][0]] += names
        return unshared, shared
