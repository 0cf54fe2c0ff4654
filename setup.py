"""Package mtzoo: the library, its configs and its zoo models, and the `mtzoo` command."""

import ast
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
PYTHONS = range(10, 14)  # 3.10 to 3.13 are tried by tools/release_check.sh and tools/test_versions.py

# torch and torchvision stay unpinned at the top: pip has to choose them together, else operators such as nms are missing.
REQUIREMENTS = [
    "torch>=2.10",
    "torchvision>=0.25",
    "mmengine>=0.10.7",
    "numpy>=2.0",
    "opencv-python>=4.13.0.90",
    "pillow>=11",
    "pycocotools>=2.0.8",
    "faster-coco-eval>=1.6",
    "safetensors>=0.4",
    "rich>=15",
    "pyyaml>=6",
    "defusedxml>=0.7",
    "platformdirs>=4",
    "tensorboard>=2.18",
    "matplotlib>=3.9",  # comes with mmengine in any case
    "jinja2>=3.1",  # comes with torch in any case
    # The main job exports, verifies and measures, and `mtzoo predict` works right after the install: no extra for these.
    "onnx>=1.17",
    "onnxruntime>=1.20",
    "openvino>=2025.0",
]
TIMM = ["timm>=1.0.20"]
DOCS = ["mkdocs-material>=9.5", "mkdocstrings[python]>=0.27"]
EXTRAS = {
    "timm": TIMM,  # nodes of type="Timm"
    "loggers": ["wandb>=0.17", "mlflow>=2.16", "clearml>=1.16"],  # env.loggers
    "hf": ["huggingface_hub>=0.26"],  # zoos at hf://user/repository
    "docs": DOCS,  # the site of docs/: mkdocs build --strict
    "dev": ["pytest>=8", "pytest-xdist>=3", "hypothesis>=6", "ruff>=0.6", "nbclient>=0.10", "ipykernel>=6.29", *TIMM, *DOCS],
}


def version() -> str:
    """`__version__` of mtzoo/__init__.py, read without importing it."""
    for node in ast.parse((ROOT / "mtzoo" / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__version__":
            return ast.literal_eval(node.value)
    raise ValueError("mtzoo/__init__.py has no __version__")


setup(
    name="mtzoo",
    version=version(),
    description="Multi-task road-scene networks, trained, quantized and deployed as one exact integer network",
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    keywords=["quantization", "int8", "segmentation", "detection", "multi-task", "pruning", "onnx", "autonomous driving"],
    classifiers=["Development Status :: 4 - Beta", "Intended Audience :: Developers", "Intended Audience :: Science/Research",
                 "Operating System :: POSIX :: Linux", "Programming Language :: Python :: 3",
                 *(f"Programming Language :: Python :: 3.{minor}" for minor in PYTHONS),
                 "Topic :: Scientific/Engineering :: Artificial Intelligence",
                 "Topic :: Scientific/Engineering :: Image Recognition", "Typing :: Typed"],
    python_requires=f">=3.{PYTHONS[0]}",
    # configs/ and zoo/ stand at the top of the checkout and inside the package once installed: mtzoo.locate finds both
    packages=[*find_packages(include=["mtzoo", "mtzoo.*"]), "mtzoo.configs", "mtzoo.zoo"],
    package_dir={"mtzoo": "mtzoo", "mtzoo.configs": "configs", "mtzoo.zoo": "zoo"},
    package_data={"mtzoo": ["py.typed"], "mtzoo.visualization": ["*.jinja"], "mtzoo.compression": ["hardware/*.yaml"],
                  "mtzoo.configs": ["**/*.py"], "mtzoo.zoo": ["*.onnx", "*.json", "*.md", "*.safetensors"]},
    install_requires=REQUIREMENTS,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["mtzoo=mtzoo.cli.main:main"]},
)
