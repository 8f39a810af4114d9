"""Host calls, one micro-step each (docs/protocol/wasi.md), but for those that reach a file tree: `Unknown` names them."""
import state as st
from arithmetic import Trap
from pages import digest

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

SUCCESS, BADF, FAULT, INVAL, ISDIR, NAMETOOLONG, NOTSOCK, NOTSUP, NOTCAPABLE = 0, 8, 21, 28, 31, 37, 57, 58, 76
PHASE, A, B, C, D, E = st.HOST_PHASE, *range(st.PROGRESS, st.PROGRESS + 5)

# Kinds of descriptors, and rights by their bit.
NODE, STDIN, STDOUT, STDERR, CLOSED = 1, 2, 3, 4, 255
DESCRIPTORS_MAX, INITIAL = 1024, 6
READ, SEEK, TELL, WRITE, ADVISE = 1 << 1, 1 << 2, 1 << 5, 1 << 6, 1 << 7
OF_STREAMS = 1 << 0 | 1 << 3 | 1 << 4 | 1 << 21 | 1 << 27
OF_DIRECTORIES = sum(1 << i for i in (0, 3, 4, 7, *range(9, 22), 23, 24, 25, 26, 27))
ALL_RIGHTS = (1 << 30) - 1
INPUT_TREE = 1 << 63
ROOT_NODE, TMP_NODE = 1, 1 << 62 | 1
PREOPENED = [b"", b"/", b"/in", b"/tmp"]
HEAD_MAX, TAIL_MAX, TAIL_AT = 1 << 24, 1 << 16, 1 << 31
VECTORS_MAX = 1024


class Unknown(Exception):
    """A call that this checker does not know."""


class OutOfGas(Exception):
    pass


def moved_gas(size, each=16):
    return (size + 63) // 64 * each


def write_output(state):
    """One micro-step of the output at exit, of a program that leaves no file; true when done."""
    if state.reg(PHASE) or state.load(st.ROOT_TREE + 16):
        raise Unknown("output with files")
    if state.load(st.ROOT_TREE + 24):
        raise Unknown("output with files")
    if not state.charge(1000 + 600):
        raise OutOfGas
    return True


class Descriptor:
    def __init__(self, kind=0, preopen=0, flags=0, rights=0, inheriting=0, offset=0, node=0):
        self.kind, self.preopen, self.flags, self.rights = kind, preopen, flags, rights
        self.inheriting, self.offset, self.node = inheriting, offset, node

    def is_open(self):
        return self.kind not in (0, CLOSED)


class Hosts:
    def __init__(self, state, args, seen):
        """`args`: number of the slot of the first argument."""
        self.s, self.args, self.seen = state, st.SLOTS + 8 * args, seen

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

    # --- descriptors
    def descriptor(self, number):
        if number >= DESCRIPTORS_MAX:
            return Descriptor()
        at = st.DESCRIPTORS + 64 * number
        first = self.s.load(at)
        if first & 0xFF == 0:
            return self._initial(number)
        rest = [self.s.load(at + 8 * i) for i in range(1, 5)]
        return Descriptor(first & 0xFF, (first >> 8) % 4, first >> 16 & 0xFFFF, *rest)

    def _initial(self, number):
        if number == 0:
            return Descriptor(STDIN, rights=OF_STREAMS | READ | SEEK | TELL | ADVISE)
        if number in (1, 2):
            return Descriptor(STDOUT if number == 1 else STDERR, rights=OF_STREAMS | WRITE)
        if number in (3, 5):
            node = ROOT_NODE if number == 3 else TMP_NODE
            return Descriptor(NODE, 1 if number == 3 else 3, 0, OF_DIRECTORIES, ALL_RIGHTS, 0, node)
        if number == 4:
            form = self.argument(4, 4)
            if form == 2:
                raise Unknown("numbered trees")
            return Descriptor(NODE, 2, 0, OF_DIRECTORIES, ALL_RIGHTS, 0, 2 << 62)
        return Descriptor()

    def keep(self, number, d):
        words = (d.kind | d.preopen << 8 | d.flags << 16, d.rights, d.inheriting, d.offset, d.node)
        for i, value in enumerate(words):
            self.s.store(st.DESCRIPTORS + 64 * number + 8 * i, value)

    def stream(self, d):
        """Whether it is none of a tree's nodes; nodes are files, which this checker does not know, or preopened."""
        if d.kind == NODE and not d.preopen:
            raise Unknown("descriptors of files")
        return d.kind != NODE

    def fd_fdstat_get(self):
        d = self.descriptor(self.arg(0))
        if not d.is_open():
            return BADF
        if not self.in_memory(self.arg(1), 24):
            return FAULT
        file_type = 4 if d.kind == STDIN else 0 if self.stream(d) else 3
        if d.kind == NODE and d.node >> 62 == 2:
            self.s.read(INPUT_TREE + 4096, 32)  # the record of its root, a directory whatever it says
        raw = file_type | d.flags << 16 | d.rights << 64 | d.inheriting << 128
        self.s.write(st.MEMORY + self.arg(1), raw.to_bytes(24, "little"))
        return SUCCESS

    def fd_prestat_get(self):
        d = self.descriptor(self.arg(0))
        if not d.is_open() or not d.preopen:
            return BADF
        if not self.in_memory(self.arg(1), 8):
            return FAULT
        self.put(self.arg(1), len(PREOPENED[d.preopen]) << 32, 8)
        return SUCCESS

    def fd_prestat_dir_name(self):
        d = self.descriptor(self.arg(0))
        if not d.is_open() or not d.preopen:
            return BADF
        name = PREOPENED[d.preopen]
        if self.arg32(2) < len(name):
            return NAMETOOLONG
        if not self.in_memory(self.arg(1), len(name)):
            return FAULT
        self.s.write(st.MEMORY + self.arg(1), name)
        return SUCCESS

    def fd_close(self):
        d = self.descriptor(self.arg(0))
        if not d.is_open():
            return BADF
        self.stream(d)
        self.keep(self.arg(0), Descriptor(CLOSED if self.arg(0) < INITIAL else 0))
        return SUCCESS

    def fd_tell(self):
        d = self.descriptor(self.arg(0))
        if not d.is_open():
            return BADF
        if not d.rights & TELL:
            return NOTCAPABLE
        if not self.stream(d):
            return BADF
        if not self.in_memory(self.arg(1), 8):
            return FAULT
        self.put(self.arg(1), d.offset, 8)
        return SUCCESS

    def fd_seek(self):
        delta, whence = self.arg(1), self.arg32(2)
        d = self.descriptor(self.arg(0))
        if not d.is_open():
            return BADF
        if not d.rights & (TELL if whence == 1 and delta == 0 else SEEK):
            return NOTCAPABLE
        if not self.stream(d):
            return BADF
        if not self.in_memory(self.arg(3), 8):
            return FAULT
        if whence > 2:
            return INVAL
        base = (0, d.offset, self.argument(16, 8) if whence == 2 else 0)[whence]
        target = (base + delta) & st.MASK64
        if target >> 63:
            return INVAL
        d.offset = target
        self.keep(self.arg(0), d)
        self.put(self.arg(3), target, 8)
        return SUCCESS

    # --- transfers. a: vector, b: bytes of it done, c: bytes done, d: bytes in all, e: position at the start
    def fd_read(self):
        return self._transfer(READ)

    def fd_write(self):
        return self._transfer(WRITE)

    def _admit(self, right):
        """An error, or the descriptor and the sum of the vectors."""
        d = self.descriptor(self.arg(0))
        if not d.is_open():
            return BADF, d, 0
        if not d.rights & right:
            return NOTCAPABLE, d, 0
        if not self.stream(d):
            return ISDIR, d, 0
        vectors, count = self.arg(1), self.arg32(2)
        if count > VECTORS_MAX:
            return INVAL, d, 0
        if not self.in_memory(vectors, 8 * count) or not self.in_memory(self.arg(3), 4):
            return FAULT, d, 0
        total = 0
        for i in range(count):
            pointer, size = self._vector(i)
            if not self.in_memory(pointer, size):
                return FAULT, d, 0
            total += size
        return INVAL if total > st.MASK32 else SUCCESS, d, total

    def _vector(self, index):
        word = self.s.load(st.MEMORY + self.arg(1) + 8 * index)
        return word & st.MASK32, word >> 32

    def _stream_base(self, d):
        return st.STREAMS + st.REGION * (d.kind - STDIN)

    def _transfer(self, right):
        s = self.s
        if s.reg(PHASE) == 0:
            error, d, total = self._admit(right)
            if error:
                return error
            if right == READ:
                length = min(self.argument(16, 8), st.REGION)
                start = d.offset
                total = min(total, length - start) if start < length else 0
            else:
                start = s.load(self._stream_base(d))
            self.charge(8 * self.arg32(2) + moved_gas(total))
            self.again(1)
            s.set_reg(D, total)
            s.set_reg(E, start)
        return self._chunk(right == WRITE)

    def _chunk(self, writes):
        s = self.s
        d = self.descriptor(self.arg(0))
        self.stream(d)
        vector, offset, done, total = (s.reg(r) for r in (A, B, C, D))
        count = min(self.arg32(2), VECTORS_MAX)
        pointer = size = 0
        while vector < count:
            pointer, size = self._vector(vector)
            if offset < size:
                break
            vector, offset = vector + 1, 0
        if done == total or vector == count:
            return self._end(writes, d, done)
        if not self.in_memory(pointer, size):
            return FAULT
        position = s.reg(E) + done
        guest = st.MEMORY + pointer + offset
        base = self._stream_base(d)
        if not writes:
            place = base + position
        elif position < HEAD_MAX:
            place = base + 4096 + position
        else:
            place = base + TAIL_AT + (position - HEAD_MAX) % TAIL_MAX
        chunk = min(size - offset, total - done, st.left_in_page(guest), st.left_in_page(place))
        if writes:
            s.write(place, s.read(guest, chunk))
            s.store(base, position + chunk)
        else:
            s.write(guest, s.read(place, chunk))
        if done + chunk == total:
            return self._end(writes, d, total)
        for register, value in ((A, vector), (B, offset + chunk), (C, done + chunk)):
            s.set_reg(register, value)
        return None

    def _end(self, writes, d, done):
        self.put(self.arg(3), done, 4)
        if not writes and done:
            d.offset = self.s.reg(E) + done
            self.keep(self.arg(0), d)
        return SUCCESS
