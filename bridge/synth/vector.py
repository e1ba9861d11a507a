"""Two numba intrinsics: an address as a pointer, and the matrix product that the struck voices live on.

The product is written as LLVM vectors because LLVM's own vectoriser, faced with one array that holds both input
and output, tests for overlap before every 16 frames; that test cost more than the work (measured: 2.6 times).
`fmuladd` becomes one fused instruction where the processor has it and two where not.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import layout as at

__all__ = ["add_resonances", "as_pointer"]

LANES = 8
PARTS = at.CHUNK // LANES  # vectors per chunk
FLOAT = ir.FloatType()
VECTOR = ir.VectorType(FLOAT, LANES)
INT = ir.IntType(64)
NUMBER = types.int64


def _as_pointer(typingctx: Any, address: Any) -> Any:
    """Turn an address kept in an int64 into a pointer that `carray` takes. Inside numba code only."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(NUMBER), build


def _add_resonances(
    typingctx: Any, memory: Any, powers: Any, re: Any, im: Any, out: Any, first: Any, count: Any
) -> Any:
    """Write the sum of every second resonance, `first`, `first + 2` ... below `count`, to STRUCK_TICK frames.

    `memory` is the address of the float32 state, the rest are offsets into it in floats: `powers` the table of
    the voice (per resonance CHUNK real parts, CHUNK imaginary ones), `re` and `im` where each resonance stands at
    the start of each chunk (CHUNKS values per resonance), `out` the result: Im(z * w**n) summed.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base, powers_at, re_at, im_at, out_at, begin, end = arguments
        start = builder.inttoptr(base, FLOAT.as_pointer())
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        multiply_add = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32")

        def place(offset: Any) -> Any:
            return builder.gep(start, [offset])

        def vector_at(offset: Any) -> Any:
            return builder.load(builder.bitcast(place(offset), VECTOR.as_pointer()), align=4)

        def spread(offset: Any) -> Any:
            one = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), builder.load(place(offset)), INT(0))
            mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
            return builder.shuffle_vector(one, ir.Constant(VECTOR, ir.Undefined), mask)

        before = builder.block
        loop = builder.append_basic_block("resonance")
        done = builder.append_basic_block("done")
        silence = ir.Constant(VECTOR, [0.0] * LANES)
        builder.cbranch(builder.icmp_signed("<", begin, end), loop, done)
        builder.position_at_end(loop)
        mode = builder.phi(INT)
        mode.add_incoming(begin, before)
        sums = [builder.phi(VECTOR) for _ in range(at.CHUNKS * PARTS)]
        row = builder.add(powers_at, builder.mul(mode, INT(2 * at.CHUNK)))
        real = [vector_at(builder.add(row, INT(part * LANES))) for part in range(PARTS)]
        imaginary = [vector_at(builder.add(row, INT(at.CHUNK + part * LANES))) for part in range(PARTS)]
        stand = builder.mul(mode, INT(at.CHUNKS))
        totals = []
        for chunk in range(at.CHUNKS):
            y = spread(builder.add(im_at, builder.add(stand, INT(chunk))))
            x = spread(builder.add(re_at, builder.add(stand, INT(chunk))))
            for part in range(PARTS):
                total = builder.call(multiply_add, [y, real[part], sums[chunk * PARTS + part]])
                totals.append(builder.call(multiply_add, [x, imaginary[part], total]))
        following = builder.add(mode, INT(2))
        mode.add_incoming(following, loop)
        for old, new in zip(sums, totals, strict=True):
            old.add_incoming(silence, before)
            old.add_incoming(new, loop)
        builder.cbranch(builder.icmp_signed("<", following, end), loop, done)

        builder.position_at_end(done)
        results = [builder.phi(VECTOR) for _ in totals]
        for number, (result, total) in enumerate(zip(results, totals, strict=True)):
            result.add_incoming(silence, before)
            result.add_incoming(total, loop)
            address = builder.bitcast(place(builder.add(out_at, INT(number * LANES))), VECTOR.as_pointer())
            builder.store(result, address, align=4)
        return context.get_dummy_value()

    return types.void(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER), build


# typed as Any: called from numba code, they take one argument less than they are written with
as_pointer: Any = intrinsic(_as_pointer)
add_resonances: Any = intrinsic(_add_resonances)
