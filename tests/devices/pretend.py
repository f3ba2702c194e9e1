"""A pretend accelerator: tensors that say they lie on pretend:0 or pretend:1 while their numbers lie in CPU memory.

Every operation that mixes devices raises, as on a real card; numbers are the CPU's own. So a model whose layers lie on
several devices can be tried on a machine that has one. It stands on
torch.utils.backend_registration._setup_privateuseone_for_python_backend, a private name of the pinned torch.

Not provided for: devices without a number, in-place operations that change a shape, and gradients on pretend:1
(PyTorch's autograd engine counts one device of such a backend). Two devices with gradients are the CPU and pretend:0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

WAITING = {"_local_scalar_dense", "nonzero", "equal", "masked_select", "_unique2"}
INDEXING = {"index", "index_put_", "index_put", "_index_put_impl_", "_unsafe_index"}
_library: list[torch.library.Library] = []


@dataclass
class Traffic:
    """How often something was copied to a device, and how often the CPU waited for one."""

    copies: int = 0
    waits: int = 0


_traffic: list[Traffic] = []


@contextlib.contextmanager
def traffic() -> Iterator[Traffic]:
    """What goes on between the CPU and the devices in this block."""
    _traffic.append(Traffic())
    try:
        yield _traffic[-1]
    finally:
        _traffic.pop()


def _counted(name: str, args: tuple[Any, ...], result: Any) -> None:
    """Count an operation: what brings a number to the CPU, or needs one to know how much it makes, waits."""
    copied = waited = name in WAITING
    if name in ("copy_", "_to_copy"):
        to, of = (args[0], args[1]) if name == "copy_" else (result, args[0])
        copied, waited = _inner(of) is of and _inner(to) is not to, _inner(of) is not of and _inner(to) is to
    elif name in INDEXING:
        indices = [index for index in args[1] if isinstance(index, torch.Tensor)]
        waited = any(index.dtype == torch.bool for index in indices)
        copied = not waited and any(_inner(index) is index for index in indices)
    for counting in _traffic:
        counting.copies += copied and not waited
        counting.waits += waited


class PretendTensor(torch.Tensor):
    """A tensor of the pretend accelerator around one in CPU memory."""

    _inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor, device: torch.device) -> PretendTensor:
        return torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=device,
            requires_grad=False,
        )

    def __init__(self, inner: torch.Tensor, device: torch.device) -> None:
        self._inner = inner

    def __repr__(self, **_: Any) -> str:
        return f"PretendTensor({self._inner!r}, {self.device})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return carry_out(func, args, kwargs or {})


def carry_out(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An operation on the CPU numbers, its result on the device where it would lie, counted by whoever counts. Raises
    RuntimeError where devices mix."""
    result = _carried_out(func, args, kwargs)
    if _traffic:
        _counted(func._schema.name.removeprefix("aten::"), args, result)
    return result


def _carried_out(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = func._schema.name.removeprefix("aten::")
    if name == "_fused_sdp_choice":
        return 0
    device = _device_of_result(func, name, args, kwargs)
    inner_args, inner_kwargs = _all_inner(args), {key: _all_inner(value) for key, value in kwargs.items()}
    if inner_kwargs.get("device") is not None:
        inner_kwargs["device"] = torch.device("cpu")
    inner_kwargs.pop("pin_memory", None)
    result = func(*inner_args, **inner_kwargs)
    if name.endswith("_") and not name.endswith("__") and isinstance(args[0], PretendTensor):
        return args[0]
    if device.type == "cpu":
        return result
    if isinstance(result, torch.Tensor):
        return PretendTensor(result, device)
    return tree_map(lambda value: PretendTensor(value, device) if isinstance(value, torch.Tensor) else value, result)


def _device_of_result(func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.device:
    tensors = list(_tensors_in((args, *kwargs.values())))
    # A number on the CPU may meet any device.
    devices = {tensor.device for tensor in tensors if isinstance(tensor, PretendTensor) or tensor.dim() > 0}
    if name == "copy_":
        return args[0].device
    if name in INDEXING:
        own = args[0].device
        # An index on the CPU may index a device's tensor, not the other way round.
        if devices - {own, torch.device("cpu")}:
            raise RuntimeError(f"indices and values must lie with the tensor ({own}) in {func}, not on {devices}")
        return own
    if kwargs.get("device") is not None:
        return torch.device(kwargs["device"])
    if len(devices) > 1:
        raise RuntimeError(f"expected all tensors on one device, but they lie on {sorted(map(str, devices))} in {func}")
    return next(iter(devices), torch.device("cpu"))


def _tensors_in(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    """The tensors among what an operation is given: they stand in no more than lists and tuples."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors_in(value)


def _all_inner(value: Any) -> Any:
    """What an operation is given, as it is on the CPU."""
    return type(value)(map(_all_inner, value)) if isinstance(value, list | tuple) else _inner(value)


def _inner(value: Any) -> Any:
    return value._inner if isinstance(value, PretendTensor) else value


def _brought(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor whose numbers are wanted on the CPU, which waits for them."""
    for counting in _traffic:
        counting.waits += isinstance(tensor, PretendTensor)
    return _inner(tensor)


class _Pretending(TorchDispatchMode):
    """Tensors that are made on a pretend device are pretend tensors."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        wanted = kwargs.get("device")
        pretended = any(isinstance(value, PretendTensor) for value in _tensors_in((args, *kwargs.values())))
        if pretended or (wanted is not None and torch.device(wanted).type == "pretend"):
            return carry_out(func, args, kwargs)
        return func(*args, **kwargs)


class _Backend:
    """What PyTorch asks of a backend's module."""

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return True

    def device_count(self) -> int:
        return 2

    def current_device(self) -> int:
        return 0

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        pass

    def get_rng_state(self, device: Any = None) -> torch.Tensor:
        return torch.zeros(1)

    def set_rng_state(self, state: torch.Tensor, device: Any = None) -> None:
        pass

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.float16, torch.bfloat16]


def _empty_strided(
    size: Any, stride: Any, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: Any = None
) -> Any:
    return PretendTensor(torch.empty_strided(size, stride, dtype=dtype), torch.device(device))


def _empty(
    size: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    memory_format: Any = None,
) -> Any:
    return PretendTensor(torch.empty(size, dtype=dtype), torch.device(device))


def _copy_from(source: torch.Tensor, destination: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    _inner(destination).copy_(_inner(source))
    return destination


@cache
def set_up() -> None:
    """Make the backend known to PyTorch, for the whole process."""
    _setup_privateuseone_for_python_backend("pretend", backend_module=_Backend())
    operations: dict[str, Callable[..., Any]] = {
        "empty_strided": _empty_strided,
        "empty.memory_format": _empty,
        "_copy_from": _copy_from,
        "_local_scalar_dense": lambda tensor: tensor._inner.item(),
    }
    library = torch.library.Library("aten", "IMPL")
    for name, operation in operations.items():
        library.impl(name, operation, "PrivateUse1")
    _library.append(library)
    plain = torch.Tensor.tolist
    # A method of the class alone would not do: views of a pretend tensor reach PyTorch's own.
    torch.Tensor.tolist = lambda tensor: plain(_brought(tensor))  # type: ignore[method-assign]


@contextlib.contextmanager
def pretending() -> Iterator[None]:
    """Inside, "pretend:0" and "pretend:1" are devices."""
    set_up()
    with _Pretending():
        yield
