"""Bulk work in micro-steps (docs/protocol/machine.md 2). Progress a counts what is done: bytes, entries or slots."""
import state as st
from arithmetic import Trap

A = st.PROGRESS
ENTRIES_A_PAGE = 512


def low(value):
    return value & st.MASK32


def _bytes_gas(count):
    return (count + 7) // 8


def _step(m, words, total, gas, work, finish=None):
    """One micro-step of `total` units: `work(done)` does the next chunk and gives its size."""
    s = m.state
    done = s.reg(A)
    if done == 0:
        m.charge(gas)
    if done < total:
        done += work(done)
    if done < total:
        s.set_reg(A, done)
        return
    if s.reg(A):
        s.set_reg(A, 0)
    if finish:
        finish()
    m.advance(words)


def zero_locals(m, w):
    first = st.SLOTS + 8 * (m.state.reg(st.FRAME) + w.a)

    def work(done):
        at = first + 8 * done
        count = min(w.x - done, st.left_in_page(at) // 8)
        m.state.write(at, bytes(8 * count))
        return count
    _step(m, 1, w.x, (w.x + 7) // 8, work)


def _in_memory(m, at, size):
    if m.state.reg(A) == 0 and at + size > m.state.memory_size():
        raise Trap("memory_out_of_bounds")


def memory_fill(m, w):
    s = m.state
    to, byte, size = low(s.slot(w.a)), s.slot(w.b) & 0xFF, low(s.slot(w.c))
    _in_memory(m, to, size)

    def work(done):
        at = st.MEMORY + to + done
        count = min(size - done, st.left_in_page(at))
        s.write(at, bytes([byte]) * count)
        return count
    _step(m, 1, size, _bytes_gas(size), work)


def _move(s, to, source, size, done, downwards, unit):
    """The next chunk of a move, in units of `unit` bytes: the most that crosses no page on either side."""
    if not downwards:
        to, source = to + unit * done, source + unit * done
        count = min(unit * (size - done), st.left_in_page(to), st.left_in_page(source))
    else:
        to_end, source_end = to + unit * (size - done), source + unit * (size - done)
        count = min(unit * (size - done), (to_end - 1) % 4096 + 1, (source_end - 1) % 4096 + 1)
        to, source = to_end - count, source_end - count
    s.write(to, s.read(source, count))
    return count // unit


def memory_copy(m, w):
    s = m.state
    to, source, size = (low(s.slot(i)) for i in (w.a, w.b, w.c))
    _in_memory(m, max(to, source), size)
    _step(m, 1, size, _bytes_gas(size),
          lambda done: _move(s, st.MEMORY + to, st.MEMORY + source, size, done, to > source, 1))


def _segment(s, region, flags, number):
    """Where a segment's contents begin, and their length: 0 when it is dropped. Both pages are always read."""
    record = region + 16 * number
    dropped = s.load(flags + number, 1)
    return region + s.load(record), 0 if dropped else s.load(record + 8)


def memory_init(m, w):
    s = m.state
    to, source, size = (low(s.slot(i)) for i in (w.a, w.b, w.c))
    content, length = _segment(s, st.DATA_SEGMENTS, st.DATA_FLAGS, low(m.extension()))
    if s.reg(A) == 0 and source + size > length:
        raise Trap("memory_out_of_bounds")
    _in_memory(m, to, size)
    _step(m, 2, size, _bytes_gas(size),
          lambda done: _move(s, st.MEMORY + to, content + source, size, done, False, 1))


# --- tables
def _in_table(m, table, at, size):
    if m.state.reg(A) == 0 and at + size > m.state.load(st.table_base(table)):
        raise Trap("table_out_of_bounds")


def _entry_at(table, index):
    return st.table_base(table) + 4096 + 8 * index


def _fill_entries(s, table, first, value, size):
    def work(done):
        at = _entry_at(table, first + done)
        count = min(size - done, st.left_in_page(at) // 8)
        s.write(at, value.to_bytes(8, "little") * count)
        return count
    return work


def table_fill(m, w):
    s = m.state
    table = low(m.extension())
    at, value, size = low(s.slot(w.a)), s.slot(w.b), low(s.slot(w.c))
    _in_table(m, table, at, size)
    _step(m, 2, size, size, _fill_entries(s, table, at, value, size))


def table_grow(m, w):
    s = m.state
    table = low(m.extension())
    value, added = s.slot(w.b), low(s.slot(w.c))
    base = st.table_base(table)
    old = s.load(base)
    pages = (old + added + 511) // 512 - (old + 511) // 512
    if s.reg(A) == 0 and (old + added > s.load(base + 8) or (pages and not s.fits_memory(pages))):
        s.set_slot(w.a, st.MASK32)
        m.advance(2)
        return

    def finish():
        s.store(base, old + added)
        s.set_reg(st.FILE_PAGES, s.reg(st.FILE_PAGES) + pages)
        s.set_slot(w.a, old)
    _step(m, 2, added, added, _fill_entries(s, table, old, value, added), finish)


def table_copy(m, w):
    s = m.state
    extension = m.extension()
    to_table, source_table = low(extension), extension >> 32
    to, source, size = (low(s.slot(i)) for i in (w.a, w.b, w.c))
    _in_table(m, to_table, to, size)
    _in_table(m, source_table, source, size)
    _step(m, 2, size, size,
          lambda done: _move(s, _entry_at(to_table, to), _entry_at(source_table, source), size, done, to > source, 8))


def table_init(m, w):
    s = m.state
    extension = m.extension()
    table, segment = low(extension), extension >> 32
    to, source, size = (low(s.slot(i)) for i in (w.a, w.b, w.c))
    content, length = _segment(s, st.ELEMENT_SEGMENTS, st.ELEMENT_FLAGS, segment)
    _in_table(m, table, to, size)
    if s.reg(A) == 0 and source + size > length:
        raise Trap("table_out_of_bounds")
    _step(m, 2, size, size,
          lambda done: _move(s, _entry_at(table, to), content + 8 * source, size, done, False, 8))


BULK = {f.__name__: f for f in (zero_locals, memory_fill, memory_copy, memory_init, table_fill, table_grow,
                                table_copy, table_init)}
