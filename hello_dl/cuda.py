"""The GPU: whether there is one, and waiting for it."""

from hello_dl import backend


def is_available() -> bool:
    """Tell whether Tensors can be moved to "cuda": a driver, a GPU and CuPy are there, and work."""
    return backend.cuda_trouble() is None


def device_count() -> int:
    """Return how many GPUs there are. This library uses the first one."""
    return backend.gpu_count() if is_available() else 0


def synchronize() -> None:
    """Wait until the GPU has done all it was told: before looking at a clock, for example."""
    if is_available():
        backend.wait_for_gpu()
