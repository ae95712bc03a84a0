"""Object code of kernels: emitted through Numba and LLVM, linked into the process by LLVM alone.

A kernel's code stands by itself: it calls nothing but a few functions of the C library, so that a
process without Numba can link it. The linker is LLVM's JITLink, which puts the code and constants
of an object side by side; llvmlite offers it elsewhere than on Windows, where it is RuntimeDyld.
"""

from __future__ import annotations

import ctypes
import itertools
import struct
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

from glassnet.engines.native.cache import short_name
from glassnet.optional import optional_module

ALLOWED = (
    *("memcpy", "memmove", "memset", "memcmp", "bcmp"),
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "pow", "sqrt", "cbrt", "hypot"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sincos"),
    *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "tgamma", "lgamma"),
    *("fmod", "floor", "ceil", "trunc", "rint", "nearbyint", "round", "fabs", "fma", "ldexp"),
    *("fmin", "fmax", "copysign"),
)
"""What a kernel may call: functions of the C library, those on float64 also with an ``f`` behind
for float32."""

_PURPOSE = "The native engine compiles its kernels by Numba"
_libraries = itertools.count()


@cache
def llvm() -> Any:
    """Return llvmlite's binding, ready for this machine."""
    binding = optional_module("llvmlite.binding", _PURPOSE, "fast")
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


@contextmanager
def numba() -> Iterator[None]:
    """Import Numba, and let it compile in the block, also where its user has switched that off."""
    config = optional_module("numba", _PURPOSE, "fast").config
    chosen, config.DISABLE_JIT = config.DISABLE_JIT, 0
    try:
        yield
    finally:
        config.DISABLE_JIT = chosen


@cache
def machine() -> tuple[str, str, str]:
    """Return what the code is made for: the system, the name of the CPU, its features."""
    binding = llvm()
    try:
        features = binding.get_host_cpu_features().flatten()
    except RuntimeError:  # not known on this system: those of the CPU's name
        features = ""
    return binding.get_process_triple(), binding.get_host_cpu_name(), features


def target_machine() -> Any:
    """Return LLVM's description of this machine: as fast as it can, at any address."""
    triple, name, features = machine()
    target = llvm().Target.from_triple(triple)
    return target.create_target_machine(cpu=name, features=features, opt=3, reloc="pic")


def symbol(kernel: str) -> str:
    """Return the name that a kernel's function bears in its object code."""
    return "glassnet." + short_name(kernel).replace(":", ".")


def link(codes: Mapping[str, bytes]) -> dict[str, int]:
    """Put object code into the memory of the process, for good, and return the addresses.

    Raises:
        RuntimeError: where the code is none, or calls what this process has not.
    """
    binding = llvm()
    builder = binding.JITLibraryBuilder()
    for name, address in _allowed_addresses().items():
        builder.import_symbol(name, address)
    for kernel, code in codes.items():
        builder.add_object_img(code).export_symbol(symbol(kernel))
    made = builder.link(_linker(), f"kernels{next(_libraries)}")
    addresses = {kernel: int(made[symbol(kernel)]) for kernel in codes}
    made.detach()  # never to be unloaded: threads may run it until the process ends
    return addresses


@cache
def _linker() -> Any:
    return llvm().create_lljit_compiler(
        target_machine(), use_jit_link=sys.platform != "win32", suppress_errors=True
    )


@cache
def _allowed_addresses() -> dict[str, int]:
    """Return where the C library has the functions that kernels may call."""
    if sys.platform == "win32":
        libraries = [ctypes.CDLL("ucrtbase"), ctypes.CDLL("vcruntime140")]
    else:
        libraries = [ctypes.CDLL(None)]
        if sys.platform.startswith("linux"):
            libraries += _loadable("libm.so.6")
    found: dict[str, int] = {}
    for name in (*ALLOWED, *(name + "f" for name in ALLOWED)):
        for library in libraries:
            if hasattr(library, name):
                address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
                found.setdefault(name, int(address or 0))
    return found


def _loadable(library: str) -> list[Any]:
    try:
        return [ctypes.CDLL(library)]
    except OSError:
        return []


def emit(kernel: str, function: Any, count: int) -> bytes:
    """Return the object code of a Python function of ``count`` integers, as Numba compiles it.

    Raises:
        RuntimeError: where it calls what a process without Numba would not have.
    """
    from numba.core.compiler_lock import global_compiler_lock

    with global_compiler_lock:
        module = _module(symbol(kernel), function, count)
        _optimize(module, symbol(kernel))
        code = bytes(target_machine().emit_object(module))
        refused = _called(module, code) - set(_allowed_addresses())
    if refused:
        raise RuntimeError(
            f"The kernel {kernel!r} does not stand by itself: it calls "
            f"{', '.join(sorted(refused))}. It may call the C library's functions for memory and "
            "mathematics, nothing else: no Python, no allocation."
        )
    return code


def _called(module: Any, code: bytes) -> set[str]:
    """Return the functions that object code expects from elsewhere.

    The symbol table also has those that LLVM's last step calls; it is read where it has the form
    of System V's ABI for 64 bits (generic ABI, chapter 4, "Symbol Table"), and those that the
    module declares must do elsewhere.
    """
    if not code.startswith(b"\x7fELF\2\1"):
        declared = {function.name for function in module.functions if function.is_declaration}
        return {name for name in declared if not name.startswith("llvm.")}
    with llvm().ObjectFileRef.from_data(code) as file:
        parts = {part.name(): part.data() for part in file.sections()}
    symbols, names = parts[b".symtab"], parts[b".strtab"]
    found = set()
    for name, _, _, section in struct.iter_unpack("<IBBH16x", symbols):
        if name and section == 0:
            found.add(names[name : names.index(b"\0", name)].decode())
    return found - {"_GLOBAL_OFFSET_TABLE_"}


def _module(name: str, function: Any, count: int) -> Any:
    """Return LLVM's module with the function, all it calls, and a plain C function around it.

    Numba's ``cfunc`` would put a function around it that talks to the interpreter.
    """
    from numba import types
    from numba.core import compiler
    from numba.core.registry import cpu_target

    typing, target = cpu_target.typing_context, cpu_target.target_context
    typing.refresh()
    target.refresh()
    arguments = (types.int64,) * count
    flags: Any = compiler.Flags()
    flags.nrt = False  # no allocation, no counting of references
    flags.error_model = "numpy"
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.no_compile = True
    made = compiler.compile_extra(typing, target, function, arguments, types.void, flags, {})
    library = made.library
    module = library._final_module
    wrapper = _wrapper(library, target.call_conv, made.fndesc.llvm_func_name, name, arguments)
    module.link_in(llvm().parse_assembly(wrapper))
    for part in library._linking_libraries:
        module.link_in(part._get_module_for_linking(), preserve=True)
    module.verify()
    return module


def _wrapper(library: Any, convention: Any, native: str, name: str, arguments: Any) -> str:
    """Return the IR of ``void name(i64, ...)``, which calls the function that Numba made."""
    from numba import types

    ir = import_module("llvmlite.ir")
    module = library.create_ir_module(name)
    kind = convention.get_function_type(types.void, arguments)
    inner = ir.Function(module, kind, native)
    plain = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * len(arguments))
    outer = ir.Function(module, plain, name)
    builder = ir.IRBuilder(outer.append_basic_block())
    convention.call_function(builder, inner, types.void, arguments, outer.args)
    builder.ret_void()
    # The linker begins a page with each object. The cache of instructions goes by the place in the
    # page, so that kernels would all fight for the same lines of it: zeros ahead spread them.
    # A round of 26 small kernels was a tenth faster.
    ahead = 64 * (zlib.crc32(name.encode()) % 48)
    return str(module).replace(")\n{", f") prefix [{ahead} x i8] zeroinitializer\n{{", 1)


def _optimize(module: Any, name: str) -> None:
    """Make everything but one function private, and optimise for this machine."""
    binding = llvm()
    for function in module.functions:
        if not function.is_declaration and function.name != name:
            function.linkage = "internal"
    for variable in module.global_variables:
        if not variable.is_declaration:
            variable.linkage = "internal"
    options = binding.create_pipeline_tuning_options(3)
    options.loop_vectorization = options.slp_vectorization = True
    builder = binding.create_pass_builder(target_machine(), options)
    passes = builder.getModulePassManager()
    passes.add_strip_dead_prototype_pass()
    passes.run(module, builder)
