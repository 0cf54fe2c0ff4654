"""Networks. Importing this package registers every node type: a new backbone or head is one file and one line here."""

from mtzoo.graph_spec import NodeSpec
from mtzoo.models import (  # noqa: F401
    bisenet_v2,
    deeplab,
    fast_scnn,
    gcnet,
    hardnet,
    hrnet,
    pp_humanseg,
    pp_liteseg,
    pspnet,
    repnet,
    resnet_vd,
    stdc,
    unet,
)
from mtzoo.models.heads import fcn  # noqa: F401
from mtzoo.models.heads.classification import ClassificationHead
from mtzoo.models.heads.detection import PerLocationDetectionHead
from mtzoo.models.heads.segmentation import DenseSegmentationHead
from mtzoo.models.leaf_graph import LeafGraph
from mtzoo.models.multitask import MultiTaskNet
from mtzoo.models.published_backbone import start_from_published
from mtzoo.models.stride import network_stride
from mtzoo.models.task_graph import build_network
from mtzoo.models.timm_backbone import Timm
from mtzoo.models.torchvision_backbone import Torchvision
from mtzoo.models.vargnet.backbone import VarGNetV2
from mtzoo.models.vargnet.unet_neck import UnetNeck

__all__ = ["ClassificationHead", "DenseSegmentationHead", "LeafGraph", "MultiTaskNet", "NodeSpec", "PerLocationDetectionHead",
           "Timm", "Torchvision", "UnetNeck", "VarGNetV2", "build_network", "network_stride", "start_from_published"]
