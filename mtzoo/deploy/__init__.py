"""Deploy models: a trained network as one ONNX file with integers inside, and back. See docs/deploy.md."""

from mtzoo.deploy.export import ExportSpec, build_model, export_model
from mtzoo.deploy.info import DeployInfo, TaskInfo, TensorInfo
from mtzoo.deploy.load import DeployFile, fake_quant_network, integer_network, read_deploy_file, stored_integers

__all__ = ["DeployFile", "DeployInfo", "ExportSpec", "TaskInfo", "TensorInfo", "build_model", "export_model",
           "fake_quant_network", "integer_network", "read_deploy_file", "stored_integers"]
