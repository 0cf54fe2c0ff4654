"""A bounded RAM cache of decoded images and masks, one for all workers."""

import mmap
import multiprocessing
from collections.abc import Sequence

import numpy as np

from mtzoo.data.runs import from_runs, to_runs
from mtzoo.machine import check_memory

_ABSENT = -1


class RecordCache:
    """What has been decoded of the records of a data set: images as they are, masks as runs.

    A mask takes a fortieth of its image's room and a third of its time to decode: `image_share` of the room is all that images
    may take.
    """

    def __init__(self, megabytes: int, count: int, image_share: float) -> None:
        self._arrays, self._count = ArrayCache(megabytes, 2 * count), count
        self._kept_free = int((1 - image_share) * (max(megabytes, 1) << 20))
        self._masks_fit = True

    @property
    def used_bytes(self) -> int:
        """Bytes taken by all workers."""
        return self._arrays.used_bytes

    def image(self, index: int) -> tuple[np.ndarray, int] | None:
        """A record's image, read-only, and how many times smaller than the original it is; None if it is not kept."""
        stored = self._arrays.get(index)
        return None if stored is None else (stored[0], int(stored[1][0]))

    def keep_image(self, index: int, image: np.ndarray, factor: int) -> None:
        """Store it if there is room."""
        self._arrays.put(index, [image, np.array([factor], dtype=np.uint8)], self._kept_free)

    def masks(self, index: int) -> list[np.ndarray] | None:
        """A record's masks in the order they were given in, or None if they are not kept."""
        stored = self._arrays.get(self._count + index)
        return None if stored is None else [from_runs(packed) for packed in stored]

    def keep_masks(self, index: int, masks: Sequence[np.ndarray]) -> None:
        """Store them if there is room; after the first that find none, masks are no longer packed to try."""
        if self._masks_fit and masks:
            self._masks_fit = self._arrays.put(self._count + index, [to_runs(mask) for mask in masks])


class ArrayCache:
    """Keeps uint8 arrays of `count` items until `megabytes` are full; then it takes no more (nothing is evicted).

    The memory is one anonymous shared mapping: forked workers fill and read it together, and pages that nobody wrote
    cost nothing. Under another start method each worker gets an empty cache of its own (see __getstate__).
    """

    def __init__(self, megabytes: int, count: int) -> None:
        self.megabytes, self.count = megabytes, count
        check_memory(f"env.cache_mb={megabytes}", megabytes << 20)
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

    def put(self, index: int, arrays: Sequence[np.ndarray], keep_free: int = 0) -> bool:
        """Store uint8 arrays of up to three dimensions if there is room and `keep_free` bytes are left then; whether they are
        stored now. The offset is written last, so readers never see half."""
        need = 8 + 24 * len(arrays) + sum(a.nbytes for a in arrays)
        need += -need % 8
        with self._used.get_lock():
            offset = self._used.value
            if self._offsets[index] != _ABSENT:
                return True
            if offset + need + keep_free > len(self._buffer):
                return False
            self._used.value = offset + need
        shapes = np.array([[*a.shape, 0, 0][:3] for a in arrays], dtype=np.int64)
        data = b"".join([np.int64(len(arrays)).tobytes(), shapes.tobytes(), *(a.tobytes() for a in arrays)])
        self._buffer[offset:offset + len(data)] = data
        self._offsets[index] = offset
        return True
