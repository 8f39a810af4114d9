"""Host calls, one micro-step each (docs/protocol/wasi.md), but for those that reach a file tree: `Unknown` names them."""
import state as st
from arithmetic import Trap
from host_base import (A, B, BADF, C, FAULT, INVAL, NOTCAPABLE, NOTSOCK, NOTSUP, PHASE, SUCCESS, OutOfGas, Unknown,
                       moved_gas)
from pages import digest
from streams import NODE, POLL, STDIN, StreamCalls

# The functions of preview 1 in the order that numbers them (wasi.md), each with its gas.
CALLS = """args_get 100 args_sizes_get 100 environ_get 100 environ_sizes_get 100 clock_res_get 100 clock_time_get 100
fd_advise 100 fd_allocate 200 fd_close 200 fd_datasync 100 fd_fdstat_get 100 fd_fdstat_set_flags 100
fd_fdstat_set_rights 100 fd_filestat_get 150 fd_filestat_set_size 200 fd_filestat_set_times 150 fd_pread 200
fd_prestat_get 100 fd_prestat_dir_name 100 fd_pwrite 200 fd_read 200 fd_readdir 500 fd_renumber 200 fd_seek 100
fd_sync 100 fd_tell 100 fd_write 200 path_create_directory 1000 path_filestat_get 500 path_filestat_set_times 500
path_link 100 path_open 1000 path_readlink 500 path_remove_directory 1000 path_rename 1500 path_symlink 100
path_unlink_file 1000 poll_oneoff 300 proc_exit 100 proc_raise 100 sched_yield 100 random_get 100 sock_accept 100
sock_recv 100 sock_send 100 sock_shutdown 100""".split()
NAMES = CALLS[0::2]
GAS = dict(zip(NAMES, map(int, CALLS[1::2])))


def write_output(state):
    """One micro-step of the output at exit, of a program that leaves no file; true when done."""
    if state.reg(PHASE) or state.load(st.ROOT_TREE + 16):
        raise Unknown("output with files")
    if state.load(st.ROOT_TREE + 24):
        raise Unknown("output with files")
    if not state.charge(1000 + 600):
        raise OutOfGas
    return True


class Hosts(StreamCalls):
    def micro_step(self, number, machine):
        """True when the call is done."""
        s = self.s
        if number >= len(NAMES):
            raise Trap("host_fault")
        name = NAMES[number]
        handler = getattr(self, name, None)
        if handler is None:
            raise Unknown(name)
        self.seen["(call %s)" % name] += 1
        before = s.reg(st.GAS)
        try:
            if s.reg(PHASE) == 0:
                self.charge(GAS[name])
            result = handler()
        except OutOfGas:
            self.clear()
            s.set_reg(st.GAS, before)
            raise
        if result is None:
            return False
        if name == "proc_exit" or (name == "proc_raise" and result >= 128):
            machine.exit(result)
            return False
        self.clear()
        s.store(self.args, result)
        return True

    # --- arguments and environment: number, bytes, place on the page
    def _strings_of(self, which):
        if which == "args":
            return self.argument(96, 4), self.argument(100, 4), 128
        return self.argument(104, 4), self.argument(108, 4), 128 + self.argument(100, 4)

    def _sizes(self, which):
        count, size, _ = self._strings_of(which)
        if not self.in_memory(self.arg(0), 4) or not self.in_memory(self.arg(1), 4):
            return FAULT
        self.put(self.arg(0), count, 4)
        self.put(self.arg(1), size, 4)
        return SUCCESS

    def args_sizes_get(self):
        return self._sizes("args")

    def environ_sizes_get(self):
        return self._sizes("environ")

    def _strings(self, which):
        """A string a micro-step. a: strings copied, b: their bytes."""
        s = self.s
        count, size, place = self._strings_of(which)
        pointers, out = self.arg(0), self.arg(1)
        if s.reg(PHASE) == 0:
            if not self.in_memory(pointers, 4 * count) or not self.in_memory(out, size):
                return FAULT
            self.charge(20 * count + moved_gas(size))
            self.again(1)
        index, offset = s.reg(A), s.reg(B)
        if index == count:
            return SUCCESS
        start = place + offset
        text = s.read(st.ARGUMENTS + start, min(size, 4096 - start))
        text = text[:text.find(b"\0") + 1]
        self.put(pointers + 4 * index, out + offset, 4)
        s.write(st.MEMORY + out + offset, text)
        s.set_reg(A, index + 1)
        s.set_reg(B, offset + len(text))
        return None

    def args_get(self):
        return self._strings("args")

    def environ_get(self):
        return self._strings("environ")

    # --- clocks, randomness, process
    def clock_res_get(self):
        if self.arg32(0) > 3:
            return INVAL
        if not self.in_memory(self.arg(1), 8):
            return FAULT
        self.put(self.arg(1), 1, 8)
        return SUCCESS

    def clock_time_get(self):
        clock = self.arg32(0)
        if clock > 3:
            return INVAL
        if not self.in_memory(self.arg(2), 8):
            return FAULT
        time = self.s.reg(st.GAS)
        if clock <= 1:
            time += self.s.reg(st.SLEPT)
        if clock == 0:
            time += self.argument(32, 8)
        self.put(self.arg(2), time, 8)
        return SUCCESS

    def random_get(self):
        """512 bytes a micro-step. a: bytes written."""
        s = self.s
        out, size = self.arg(0), self.arg32(1)
        if s.reg(PHASE) == 0:
            if not self.in_memory(out, size):
                return FAULT
            self.charge(moved_gas(size, 512))
            self.again(1)
        seed = s.read(st.ARGUMENTS + 64, 32)
        written, block = s.reg(A), s.reg(st.RANDOM_BLOCKS)
        end = min(size, written + 512)
        while written < end:
            part = digest(b"mill/random", seed + block.to_bytes(8, "little"))[:end - written]
            s.write(st.MEMORY + out + written, part)
            written, block = written + len(part), block + 1
        s.set_reg(st.RANDOM_BLOCKS, block)
        if written == size:
            return SUCCESS
        s.set_reg(A, written)
        return None

    def sched_yield(self):
        return SUCCESS

    def proc_exit(self):
        return self.arg32(0)

    def proc_raise(self):
        signal = self.arg32(0)
        if signal > 30:
            return INVAL
        return SUCCESS if signal in (0, 16, 17, 22, 27) else 128 + signal

    def path_link(self):
        return NOTSUP

    path_symlink = path_link

    def sock_shutdown(self):
        return NOTSOCK if self.descriptor(self.arg(0)).is_open() else BADF

    sock_accept = sock_recv = sock_send = sock_shutdown

    # --- polling. a: subscription, b: events written, c: shortest wait, later what was slept
    def _subscription(self, index):
        raw = self.s.read(st.MEMORY + self.arg(0) + 48 * index, 48)
        field = lambda at, size: int.from_bytes(raw[at:at + size], "little")
        return field(0, 8), raw[8], field(16, 4), field(24, 8), field(40, 2) & 1

    def _time(self, clock):
        return self.s.reg(st.GAS) + self.s.reg(st.SLEPT) + (self.argument(32, 8) if clock == 0 else 0)

    def _wait(self, kind, clock, timeout, absolute):
        if kind != 0 or clock > 1:
            return 0
        return max(timeout - self._time(clock), 0) if absolute else timeout

    def poll_oneoff(self):
        s, count = self.s, self.arg32(2)
        if s.reg(PHASE) == 0:
            if not 0 < count <= 2048:
                return INVAL
            for at, size in ((self.arg(0), 48 * count), (self.arg(1), 32 * count), (self.arg(3), 4)):
                if not self.in_memory(at, size):
                    return FAULT
            self.charge(2 * count * 100)
            self.again(1)
            s.set_reg(C, st.MASK64)
            return None
        index = s.reg(A)
        userdata, kind, what, timeout, absolute = self._subscription(index)
        if s.reg(PHASE) == 1:
            wait = min(s.reg(C), self._wait(kind, what, timeout, absolute))
            s.set_reg(C, wait)
            if index + 1 < count:
                s.set_reg(A, index + 1)
                return None
            slept = s.reg(st.SLEPT)
            s.set_reg(st.SLEPT, slept + min(wait, (1 << 62) - slept))
            s.set_reg(A, 0)
            self.again(2)
            return None
        if kind == 0 and what <= 1 and not absolute:
            due = timeout <= s.reg(C)
        else:
            due = self._wait(kind, what, timeout, absolute) == 0
        events = s.reg(B)
        if due:
            self._event(events, userdata, kind, what)
            events += 1
            s.set_reg(B, events)
        if index + 1 < count:
            s.set_reg(A, index + 1)
            return None
        self.put(self.arg(3), events, 4)
        return SUCCESS

    def _event(self, index, userdata, kind, what):
        error = size = 0
        if kind > 2 or (kind == 0 and what > 1):
            error = INVAL
        elif kind != 0:
            d = self.descriptor(what)
            if not d.is_open():
                error = BADF
            elif not d.rights & POLL:
                error = NOTCAPABLE
            elif kind == 2:
                size = 4096
            elif d.kind == STDIN:
                size = max(self.argument(16, 8) - d.offset, 0)
            elif d.kind == NODE:
                self.is_directory(d)
        raw = userdata | error << 64 | kind << 80 | size << 128
        self.s.write(st.MEMORY + self.arg(1) + 32 * index, raw.to_bytes(32, "little"))
