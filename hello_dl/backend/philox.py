"""Random bits from a counter: bit number n is a function of (seed, n), and of nothing before it.

Other generators walk from state to state, so a GPU's thousands of threads would have to wait for
each other. Here thread n simply computes block n. The seed and a counter are all there is to save,
and both devices give the same bits. Philox4x64-10: Salmon et al. 2011, "Parallel random numbers:
as easy as 1, 2, 3". It enciphers the counter: ten rounds of multiplying, and mixing the halves.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy

from hello_dl.backend import Array, _cupy

PER_BLOCK = 8  # numbers of 32 bits that one value of the counter gives


def bits(seed: int, block: int, count: int, device: str) -> Array:
    """Return `count` random numbers of 32 bits (uint32) from block number `block` on."""
    blocks = -(-count // PER_BLOCK)
    if device == "cpu":
        source = numpy.random.Philox(key=seed, counter=block)
        return source.random_raw(4 * blocks).view(numpy.uint32)[:count]
    out = _cupy().empty(PER_BLOCK * blocks, numpy.uint32)
    threads = 256
    low, high = (numpy.uint64(seed >> shift & 2**64 - 1) for shift in (0, 64))
    arguments = (low, high, numpy.uint64(block), numpy.uint64(blocks), out)
    _kernel()((-(-blocks // threads),), (threads,), arguments)
    return out[:count]


@cache
def _kernel() -> Any:
    return _cupy().RawKernel(_SOURCE, "philox")


_SOURCE = r"""
typedef unsigned long long u64;

extern "C" __global__ void philox(u64 key0, u64 key1, u64 first, u64 blocks, ulonglong4* out) {
    u64 block = blockIdx.x * (u64)blockDim.x + threadIdx.x;
    if (block >= blocks) return;
    u64 a = first + block + 1, b = 0, c = 0, d = 0;          // the counter; numpy's begins at 1
    for (int round = 0; round < 10; round++) {
        u64 low = 0xD2E7470EE14C6C93ULL * a, high = __umul64hi(0xD2E7470EE14C6C93ULL, a);
        u64 low2 = 0xCA5A826395121157ULL * c, high2 = __umul64hi(0xCA5A826395121157ULL, c);
        a = high2 ^ b ^ key0;
        b = low2;
        c = high ^ d ^ key1;
        d = low;
        key0 += 0x9E3779B97F4A7C15ULL;                       // another key for every round
        key1 += 0xBB67AE8584CAA73BULL;
    }
    out[block] = make_ulonglong4(a, b, c, d);
}
"""
