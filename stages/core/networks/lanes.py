"""Eight numbers that compiled code computes at once, and the operations on them, each written out.

The compiler may neither reorder these operations nor fuse a multiplication with an addition, so that results
have the same bits on every processor.
"""

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import config, njit, types
from numba.core import cgutils
from numba.core.extending import intrinsic, models, register_model
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature

LANES = 8
# Numbers that are not compiled into the functions that take them, each value into one of its own.
ZERO, ONE = np.int64(0), np.int64(1)
kernel: Any = njit(nogil=True, error_model="numpy")
"""Compiles a function that compiled functions call."""
_intrinsic: Any = intrinsic


def has_avx512() -> bool:
    """Whether code is compiled for a processor with 32 registers of sixteen floats."""
    features = getattr(config, "CPU_FEATURES", None)
    return bool(get_host_cpu_features().get("avx512f")) if features is None else "+avx512f" in features


class Lanes(types.Type):
    """Floats that are computed at once: eight, or twice as many."""

    def __init__(self, dtype: types.Float, number: int = LANES) -> None:
        self.dtype, self.number = dtype, number
        super().__init__(name=f"Lanes({dtype}, {number})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        scalar = ir.FloatType() if lanes.dtype == types.float32 else ir.DoubleType()
        super().__init__(manager, lanes, ir.VectorType(scalar, lanes.number))


def _elementwise(operation: Any, instruction: str) -> None:
    """Let an operator take lanes."""

    @infer_global(operation)
    class _Template(AbstractTemplate):
        def generic(self, args: Any, _: Any) -> Any:
            lanes = len(args) == 2 and isinstance(args[0], Lanes) and args[0] == args[1]
            return signature(args[0], *args) if lanes else None

    @lower_builtin(operation, Lanes, Lanes)
    def _lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args)


for _operation, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _elementwise(_operation, _instruction)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(cgutils.create_struct_proxy(kind)(context, builder, array).data, [index])


def _repeated(builder: Any, kind: Any, scalar: Any) -> Any:
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
    return builder.shuffle_vector(first, nothing, zeros)


def _load(array: Any, number: int) -> Any:
    def code(context: Any, builder: Any, kind: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, kind.args[0], *args)
        lanes = context.get_value_type(kind.return_type).as_pointer()
        return builder.load(builder.bitcast(pointer, lanes), align=array.dtype.bitwidth // 8)

    return Lanes(array.dtype, number)(array, types.intp), code


@_intrinsic
def load(_: Any, array: Any, _index: Any) -> Any:
    """Eight elements of a vector, from an index on."""
    return _load(array, LANES)


@_intrinsic
def load_wide(_: Any, array: Any, _index: Any) -> Any:
    """Sixteen elements of a vector, from an index on."""
    return _load(array, 2 * LANES)


@_intrinsic
def store(_: Any, array: Any, _index: Any, lanes: Any) -> Any:
    """Write all lanes to a vector, from an index on."""

    def code(context: Any, builder: Any, kind: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, kind.args[0], *args[:2])
        target = builder.bitcast(pointer, args[2].type.as_pointer())
        builder.store(args[2], target, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), code


def _spread(array: Any, number: int) -> Any:
    def code(context: Any, builder: Any, kind: Any, args: Any) -> Any:
        scalar = builder.load(_pointer(context, builder, kind.args[0], *args))
        return _repeated(builder, context.get_value_type(kind.return_type), scalar)

    return Lanes(array.dtype, number)(array, types.intp), code


@_intrinsic
def spread(_: Any, array: Any, _index: Any) -> Any:
    """One element of a vector in all of eight lanes."""
    return _spread(array, LANES)


@_intrinsic
def spread_wide(_: Any, array: Any, _index: Any) -> Any:
    """One element of a vector in all of sixteen lanes."""
    return _spread(array, 2 * LANES)


@_intrinsic
def in_all_lanes(_: Any, scalar: Any) -> Any:
    """A number in all lanes."""

    def code(context: Any, builder: Any, kind: Any, args: Any) -> Any:
        return _repeated(builder, context.get_value_type(kind.return_type), args[0])

    return Lanes(scalar)(scalar), code


@_intrinsic
def square_roots(_: Any, lanes: Any) -> Any:
    """Square roots, exact."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        name = f"llvm.sqrt.v{LANES}f{lanes.dtype.bitwidth}"
        function = ir.FunctionType(args[0].type, [args[0].type])
        return builder.call(cgutils.get_or_insert_function(builder.module, function, name), args)

    return lanes(lanes), code


@_intrinsic
def where_positive(_: Any, lanes: Any, _yes: Any, _no: Any) -> Any:
    """``yes`` where lanes are above 0, else ``no``."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        zero = ir.Constant(args[0].type, [0.0] * LANES)
        return builder.select(builder.fcmp_ordered(">", args[0], zero), args[1], args[2])

    return lanes(lanes, lanes, lanes), code


@_intrinsic
def sum_of_lanes(_: Any, lanes: Any) -> Any:
    """The sum of the lanes, halves first."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        parts = [builder.extract_element(args[0], ir.Constant(ir.IntType(32), lane)) for lane in range(LANES)]
        while len(parts) > 1:
            half = len(parts) // 2
            parts = [builder.fadd(a, b) for a, b in zip(parts[:half], parts[half:], strict=True)]
        return parts[0]

    return lanes.dtype(lanes), code
