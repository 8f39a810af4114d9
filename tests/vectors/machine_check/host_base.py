"""What all host calls share: arguments, memory, gas, progress (docs/protocol/wasi.md 1, 2)."""
import state as st

SUCCESS, BADF, FAULT, INVAL, IO, ISDIR, NAMETOOLONG = 0, 8, 21, 28, 29, 31, 37
NOTDIR, NOTSOCK, NOTSUP, SPIPE, NOTCAPABLE = 54, 57, 58, 70, 76
PHASE, A, B, C, D, E = st.HOST_PHASE, *range(st.PROGRESS, st.PROGRESS + 5)

class Unknown(Exception):
    """A call that this checker does not know."""


class OutOfGas(Exception):
    pass


def moved_gas(size, each=16):
    return (size + 63) // 64 * each


class HostBase:
    def __init__(self, state, args, seen):
        """`args`: number of the slot of the first argument."""
        self.s, self.args, self.seen = state, st.SLOTS + 8 * args, seen

    # --- what calls use
    def arg(self, index):
        return self.s.load(self.args + 8 * index)

    def arg32(self, index):
        return self.arg(index) & st.MASK32

    def charge(self, gas):
        if not self.s.charge(gas):
            raise OutOfGas

    def clear(self):
        if self.s.reg(PHASE):
            for register in (PHASE, *range(st.PROGRESS, st.PROGRESS + 8)):
                self.s.set_reg(register, 0)

    def again(self, phase):
        self.s.set_reg(PHASE, phase)

    def in_memory(self, at, size):
        return at + size <= self.s.memory_size()

    def put(self, at, value, size):
        self.s.store(st.MEMORY + at, value, size)

    def argument(self, offset, size):
        """A field of the arguments page."""
        return self.s.load(st.ARGUMENTS + offset, size)
