"""Where a zoo lies: a folder, a web server, or a repository of Hugging Face."""

import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from http.client import HTTPException
from pathlib import Path
from urllib.parse import quote, urlsplit

from mtzoo import __version__
from mtzoo.errors import UserError
from mtzoo.files import read_whole

TIMEOUT = 30.0
"""Seconds without an answer."""
HUGGING_FACE = "hf://"


class Source(ABC):
    """A zoo's place. name: as it was given."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def read(self, file: str, limit: int) -> bytes:
        """A file of the zoo, by its name. Raises UserError when it is not there or larger than `limit` bytes."""

    def too_large(self, file: str, limit: int) -> UserError:
        return UserError(f"{self.name}: {file} has more than the {limit:,} bytes that it may have")


class Folder(Source):
    def read(self, file: str, limit: int) -> bytes:
        return read_whole(Path(self.name) / file, "file of a zoo", limit, "name a folder that `mtzoo zoo push` wrote")


class WebServer(Source):
    """http:// or https://, a file below the address."""

    def read(self, file: str, limit: int) -> bytes:
        request = urllib.request.Request(f"{self.name.rstrip('/')}/{quote(file)}", headers={"User-Agent": f"mtzoo/{__version__}"})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                if urlsplit(answer.url).scheme not in ("http", "https"):
                    raise UserError(f"{self.name}: leads to {answer.url}, which is not a web address")
                data = answer.read(limit + 1)
        except urllib.error.HTTPError as error:
            raise UserError(f"{self.name}: no {file} there ({error.code} {error.reason})") from error
        except (OSError, ValueError, HTTPException) as error:
            reason = str(getattr(error, "reason", error)).strip() or type(error).__name__
            raise UserError(f"{self.name}: cannot be reached ({reason}); check the address and the network") from error
        if len(data) > limit:
            raise self.too_large(file, limit)
        return data


class HuggingFace(Source):
    """hf://user/repository, read by the package huggingface_hub."""

    def read(self, file: str, limit: int) -> bytes:
        try:
            from huggingface_hub import hf_hub_download
            from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
            from huggingface_hub.utils.logging import get_verbosity, set_verbosity, set_verbosity_error
        except ImportError as error:
            raise UserError(f"{self.name}: needs the package huggingface_hub; pip install mtzoo[hf]") from error
        verbosity = get_verbosity()
        set_verbosity_error()  # each of its attempts would be told in two lines
        try:
            path = Path(hf_hub_download(self.name.removeprefix(HUGGING_FACE), file))
        except LocalEntryNotFoundError as error:
            raise UserError(f"{self.name}: cannot be reached; check the network") from error
        except (HfHubHTTPError, HFValidationError, OSError) as error:
            raise UserError(f"{self.name}: {file} cannot be read ({type(error).__name__}); check the name and the network") from error
        finally:
            set_verbosity(verbosity)
        return read_whole(path, "file of a zoo", limit, "name another repository")


def open_source(text: str) -> Source:
    """A zoo by its folder, its address or `hf://user/repository`. Raises UserError for other kinds of addresses."""
    if text.startswith(HUGGING_FACE):
        return HuggingFace(text)
    scheme, separator, _ = text.partition("://")
    if not separator:
        return Folder(text)
    if scheme not in ("http", "https"):
        raise UserError(f"{text}: expected a folder, http://, https:// or {HUGGING_FACE}")
    return WebServer(text)
