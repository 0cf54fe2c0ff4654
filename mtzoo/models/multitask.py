"""One network, many consumers: images in, raw maps out; no loss, no decoding, no normalisation."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from mtzoo.graph_spec import IMAGE
from mtzoo.layers import ImageQuant
from mtzoo.structures import RawOutputs


class MultiTaskNet(nn.Module):
    """Nodes by name, run in order; a node that several tasks name runs once.

    nodes: name -> module, in an order in which inputs come first; inputs: name -> what it reads: "image", a node (all its
    features) or one feature of a node ("backbone.mod3"); heads: task -> the node whose dict of maps is the task's output; users:
    node -> tasks that need it. A node that reads the image alone is called with that tensor, any other with one list of features.
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
        features = {IMAGE: [self.image_quant(images)]}
        results = {}
        for name, node in self.nodes.items():
            read = [feature for source in self.inputs[name] for feature in features[source]]
            results[name] = node(read[0] if self.inputs[name] == (IMAGE,) else read)
            specs = getattr(node, "out_specs", ())
            if specs:  # a head has none
                features[name] = results[name]
                features |= {f"{name}.{spec.name}": [feature] for spec, feature in zip(specs, results[name], strict=True)}
        return {task: results[head] for task, head in self.heads.items()}

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
