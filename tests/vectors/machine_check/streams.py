"""Calls on descriptors of streams and of the directories that are open at the start (docs/protocol/wasi.md 3, 5)."""
import state as st
from host_base import (A, B, BADF, C, D, E, FAULT, INVAL, ISDIR, NAMETOOLONG, NOTCAPABLE, PHASE, SPIPE, SUCCESS, HostBase,
                       Unknown, moved_gas)

# Kinds of descriptors, and rights by their bit.
NODE, STDIN, STDOUT, STDERR, CLOSED = 1, 2, 3, 4, 255
DESCRIPTORS_MAX, INITIAL = 1024, 6
DATASYNC, READ, SEEK, SET_FLAGS, SYNC, TELL, WRITE, ADVISE = (1 << i for i in range(8))
FILESTAT, POLL = 1 << 21, 1 << 27
OF_STREAMS = DATASYNC | SET_FLAGS | SYNC | FILESTAT | POLL
OF_DIRECTORIES = sum(1 << i for i in (0, 3, 4, 7, *range(9, 22), 23, 24, 25, 26, 27))
ALL_RIGHTS = (1 << 30) - 1
INPUT_TREE = 1 << 63
ROOT_NODE, TMP_NODE = 1, 1 << 62 | 1
PREOPENED = [b"", b"/", b"/in", b"/tmp"]
HEAD_MAX, TAIL_MAX, TAIL_AT = 1 << 24, 1 << 16, 1 << 31
VECTORS_MAX = 1024


class Descriptor:
    def __init__(self, kind=0, preopen=0, flags=0, rights=0, inheriting=0, offset=0, node=0):
        self.kind, self.preopen, self.flags, self.rights = kind, preopen, flags, rights
        self.inheriting, self.offset, self.node = inheriting, offset, node

    def is_open(self):
        return self.kind not in (0, CLOSED)


class StreamCalls(HostBase):
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

    def is_directory(self, d):
        if self.stream(d):
            return False
        if d.node >> 62 == 2:
            self.s.read(INPUT_TREE + 4096, 32)  # the record of its root, a directory whatever it says
        return True

    def _require(self, right):
        """An error, or 0, and the descriptor that the first argument names."""
        d = self.descriptor(self.arg(0))
        return BADF if not d.is_open() else 0 if d.rights & right == right else NOTCAPABLE, d

    def fd_sync(self):
        return self._require(SYNC)[0]

    def fd_datasync(self):
        return self._require(DATASYNC)[0]

    def fd_advise(self):
        error, _ = self._require(ADVISE)
        return error or (INVAL if self.arg32(3) > 5 else SUCCESS)

    def fd_fdstat_set_flags(self):
        error, d = self._require(SET_FLAGS)
        if error:
            return error
        if self.arg32(1) > 31:
            return INVAL
        d.flags = self.arg32(1)
        self.keep(self.arg(0), d)
        return SUCCESS

    def fd_fdstat_set_rights(self):
        d = self.descriptor(self.arg(0))
        if not d.is_open():
            return BADF
        if self.arg(1) & ~d.rights or self.arg(2) & ~d.inheriting:
            return NOTCAPABLE
        d.rights, d.inheriting = self.arg(1), self.arg(2)
        self.keep(self.arg(0), d)
        return SUCCESS

    def fd_filestat_get(self):
        error, d = self._require(FILESTAT)
        if error:
            return error
        if not self.in_memory(self.arg(1), 64):
            return FAULT
        time = self.argument(32, 8)
        if self.is_directory(d):
            words = self._root(d)
        else:
            is_input = d.kind == STDIN
            words = (0, d.kind, 4 if is_input else 0, 1, self.argument(16, 8) if is_input else 0, time, time, time)
        self.s.write(st.MEMORY + self.arg(1), b"".join(word.to_bytes(8, "little") for word in words))
        return SUCCESS

    def _root(self, d):
        """The root of a tree, as stat sees it: its times are the job's until somebody sets others."""
        time = self.argument(32, 8)
        tree = d.node >> 62
        accessed = modified = time
        if tree != 2:
            record = st.ROOT_TREE + (tree << 61) + 4096 + 512
            modified = self.s.load(record + 24) or time
            accessed = self.s.load(record + 32) or time
        return tree + 1, 1, 3, 1, 0, accessed, modified, modified

    def fd_fdstat_get(self):
        d = self.descriptor(self.arg(0))
        if not d.is_open():
            return BADF
        if not self.in_memory(self.arg(1), 24):
            return FAULT
        file_type = 4 if d.kind == STDIN else 3 if self.is_directory(d) else 0
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

    def fd_renumber(self):
        source, to = self.arg(0), self.arg(1)
        moved, replaced = self.descriptor(source), self.descriptor(to)
        if not moved.is_open() or not replaced.is_open():
            return BADF
        if source != to:
            self.stream(replaced)
            self.keep(to, moved)
            self.keep(source, Descriptor(CLOSED if source < INITIAL else 0))
        return SUCCESS

    def fd_tell(self):
        d = self.descriptor(self.arg(0))
        if not d.is_open():
            return BADF
        if not d.rights & TELL:
            return NOTCAPABLE
        if self.is_directory(d):
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
        if self.is_directory(d):
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
        return self._transfer(READ, False)

    def fd_pread(self):
        return self._transfer(READ, True)

    def fd_write(self):
        return self._transfer(WRITE, False)

    def fd_pwrite(self):
        return self._transfer(WRITE, True)

    def _admit(self, right, positioned):
        """An error, or the descriptor and the sum of the vectors."""
        d = self.descriptor(self.arg(0))
        if not d.is_open():
            return BADF, d, 0
        if not d.rights & right:
            return NOTCAPABLE, d, 0
        if self.is_directory(d):
            return ISDIR, d, 0
        if positioned and d.kind != STDIN:
            return SPIPE, d, 0
        if positioned and self.arg(3) >> 63:
            return INVAL, d, 0
        vectors, count = self.arg(1), self.arg32(2)
        if count > VECTORS_MAX:
            return INVAL, d, 0
        if not self.in_memory(vectors, 8 * count) or not self.in_memory(self.arg(4 if positioned else 3), 4):
            return FAULT, d, 0
        self.charge(20 * count)
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

    def _transfer(self, right, positioned):
        s = self.s
        if s.reg(PHASE) == 0:
            error, d, total = self._admit(right, positioned)
            if error:
                return error
            if right == READ:
                length = min(self.argument(16, 8), st.REGION)
                start = self.arg(3) if positioned else d.offset
                total = min(total, length - start) if start < length else 0
            else:
                start = s.load(self._stream_base(d))
            self.charge(moved_gas(total))
            self.again(1)
            s.set_reg(D, total)
            s.set_reg(E, start)
        return self._chunk(right == WRITE, positioned)

    def _chunk(self, writes, positioned):
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
            return self._end(writes, positioned, d, done)
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
            return self._end(writes, positioned, d, total)
        for register, value in ((A, vector), (B, offset + chunk), (C, done + chunk)):
            s.set_reg(register, value)
        return None

    def _end(self, writes, positioned, d, done):
        self.put(self.arg(4 if positioned else 3), done, 4)
        if not writes and not positioned and done:
            d.offset = self.s.reg(E) + done
            self.keep(self.arg(0), d)
        return SUCCESS
