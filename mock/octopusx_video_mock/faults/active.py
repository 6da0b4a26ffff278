"""Which faults are on, and at which requests they show."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from octopusx_video_mock.compiled.operation import Served
from octopusx_video_mock.errors import MockError
from octopusx_video_mock.faults.table import SUBMIT, Fault, find

_ORDER = re.compile(r"([a-z_]+)(?:@([A-Za-z0-9_]+))?(?::([0-9.]+))?")


MOST_TIMES = 1_000_000_000


@dataclass
class Order:
    """A fault that was switched on.

    Attributes:
        fault: Which.
        operation: The operation at which it shows; None for each that it can show at.
        probability: The share of requests that it shows at, drawn from the seed.
        times: How often it will show still; None for as long as it is on.
    """

    fault: Fault
    operation: str | None = None
    probability: float = 1.0
    times: int | None = None


class Faults:
    """The faults that are on. None is, to begin with.

    Args:
        served: The operations that are served, by their ids; may be exchanged.
        seed: Decides at which requests a fault with a probability shows.
    """

    def __init__(self, served: Mapping[str, Served], seed: int = 0) -> None:
        self.served = served
        self._random = random.Random(seed)  # noqa: S311 - drawn to be repeated, not to be secret
        self._lock = threading.Lock()
        self.orders: tuple[Order, ...] = ()

    def on(
        self, name: str, *, operation: str | None = None, probability: float = 1.0, times: int | None = None
    ) -> Order:
        """Switch a fault on, for an operation or for all, for a share of requests, for so many times or until ``off``.

        A fault that lasts (the task fails, say) comes to the tasks that are submitted while it is on, and stays with
        them.

        Raises:
            MockError: There is no such fault or operation, it can't show there, or a number is out of its range.
        """
        fault = find(name)
        if operation is not None and operation not in self.served:
            raise MockError(f"there is no operation {operation!r}; choose one of {', '.join(self.served)}")
        places = [id_ for id_, served in self.served.items() if can_show(fault, served)]
        if not places or (operation is not None and operation not in places):
            raise MockError(
                f"{name} can't show at {operation or 'any operation'}; it can at {', '.join(places) or 'none'}"
            )
        if not 0 < probability <= 1:
            raise MockError(f"{name}: the probability {probability} is not above 0 and at most 1")
        if times is not None and not 1 <= times <= MOST_TIMES:
            raise MockError(f"{name}: {str(times)[:30]} times is not between 1 and {MOST_TIMES}; or leave it out")
        order = Order(fault, operation, probability, times)
        with self._lock:
            self.orders = (*self.orders, order)
        return order

    def off(self, name: str | None = None) -> None:
        """Switch a fault off, or all of them. Tasks that carry one keep it.

        Raises:
            MockError: There is no such fault.
        """
        fault = None if name is None else find(name)
        with self._lock:
            self.orders = tuple(order for order in self.orders if fault is not None and order.fault is not fault)

    def drop(self, order: Order) -> None:
        """Take one order back, and leave others of the same fault."""
        with self._lock:
            self.orders = tuple(one for one in self.orders if one is not order)

    def plan(self, text: str) -> None:
        """Switch on what a text orders: ``NAME[@OPERATION][:PROBABILITY]``, several with commas.

        Raises:
            MockError: The text is not of this form, or names what is not there.
        """
        for part in filter(None, (part.strip() for part in text.split(","))):
            match = _ORDER.fullmatch(part)
            if match is None or (match[3] and match[3].count(".") > 1) or match[3] == ".":
                raise MockError(f"{part!r} is no fault; write NAME, NAME@OPERATION or NAME:0.1, several with commas")
            self.on(match[1], operation=match[2], probability=float(match[3]) if match[3] else 1.0)

    def showing(self, served: Served, *, lasting: bool = False) -> Iterator[Fault]:
        """The faults that show at this request, or those that come to its new task. Each that is taken is used up."""
        for order in self.orders:
            fault = order.fault
            wanted = fault.lasting == lasting and can_show(fault, served)
            if not wanted or order.operation not in {None, served.operation.id} or not self._falls(order):
                continue
            yield fault

    def _falls(self, order: Order) -> bool:
        """Whether an order falls on this request; one that was limited and is used up is gone."""
        with self._lock:
            if order.times == 0 or (order.probability < 1 and self._random.random() >= order.probability):
                return False
            if order.times is not None:
                order.times -= 1
                if order.times == 0:
                    self.orders = tuple(one for one in self.orders if one is not order)
        return True


def can_show(fault: Fault, served: Served) -> bool:
    """Whether a fault can show at an operation: at its stage, and with an answer that the contract has there."""
    if served.stage not in (SUBMIT if fault.lasting else fault.at):
        return False
    return not fault.status or served.has(fault.status, fault.example)
