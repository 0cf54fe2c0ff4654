"""Zoo models on their way: from a folder, a web server or Hugging Face to this machine (pull), and into a folder (push)."""

from mtzoo.hub.catalogue import Catalogue, FileEntry, read_catalogue
from mtzoo.hub.pull import pull
from mtzoo.hub.push import push
from mtzoo.hub.source import Source, open_source

__all__ = ["Catalogue", "FileEntry", "Source", "open_source", "pull", "push", "read_catalogue"]
