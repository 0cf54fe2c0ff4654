"""A bounded RAM cache of decoded images, one for all workers."""

import mmap
import multiprocessing
from collections.abc import Sequence

import numpy as np

_ABSENT = -1


class ImageCache:
    """Keeps uint8 arrays of `count` items until `megabytes` are full; then it takes no more (nothing is evicted).

    The memory is one anonymous shared mapping: forked workers fill and read it together, and pages that nobody wrote
    cost nothing. Under another start method each worker gets an empty cache of its own (see __getstate__).
    """

    def __init__(self, megabytes: int, count: int) -> None:
        self.megabytes, self.count = megabytes, count
        self._buffer = mmap.mmap(-1, max(megabytes, 1) << 20)
        self._offsets = np.frombuffer(mmap.mmap(-1, max(count, 1) * 8), dtype=np.int64)
        self._offsets[:] = _ABSENT
        self._used = multiprocessing.get_context("fork").Value("q", 0)

    def __getstate__(self) -> dict[str, int]:
        return {"megabytes": self.megabytes, "count": self.count}

    def __setstate__(self, state: dict[str, int]) -> None:
        self.__init__(**state)

    @property
    def used_bytes(self) -> int:
        """Bytes taken by all workers."""
        return self._used.value

    def get(self, index: int) -> list[np.ndarray] | None:
        """The arrays stored for an item, read-only views, or None."""
        offset = int(self._offsets[index])
        if offset == _ABSENT:
            return None
        header = np.frombuffer(self._buffer, np.int64, 1, offset)
        shapes = np.frombuffer(self._buffer, np.int64, 3 * int(header[0]), offset + 8).reshape(-1, 3)
        offset += 8 + shapes.nbytes
        arrays = []
        for shape in shapes:
            shape = tuple(int(s) for s in shape if s)
            array = np.frombuffer(self._buffer, np.uint8, int(np.prod(shape)), offset).reshape(shape)
            array.flags.writeable = False
            arrays.append(array)
            offset += array.nbytes
        return arrays

    def put(self, index: int, arrays: Sequence[np.ndarray]) -> None:
        """Store uint8 arrays (H, W) or (H, W, 3) if there is room. The offset is written last, so readers never see half."""
        need = 8 + 24 * len(arrays) + sum(a.nbytes for a in arrays)
        need += -need % 8
        with self._used.get_lock():
            offset = self._used.value
            if self._offsets[index] != _ABSENT or offset + need > len(self._buffer):
                return
            self._used.value = offset + need
        shapes = np.array([[*a.shape, 0, 0][:3] for a in arrays], dtype=np.int64)
        data = b"".join([np.int64(len(arrays)).tobytes(), shapes.tobytes(), *(a.tobytes() for a in arrays)])
        self._buffer[offset:offset + len(data)] = data
        self._offsets[index] = offset
