"""What each instruction of an image does in one step (docs/protocol/image.md 3, machine.md 2).

The numbers and forms are read from tests/golden/image_opcodes.txt. A handler takes the machine, the word, and returns
nothing; it moves pc itself unless the table below says that it is one or two words that are simply passed."""
import re

import arithmetic as n
import state as st
from bulk import BULK
from arithmetic import Trap


class Word:
    """A word of code, taken apart."""

    def __init__(self, word):
        self.op, self.a, self.b, self.c = (word >> 16 * i & 0xFFFF for i in range(4))
        self.x = word >> 32
        self.word = word


def immediate(field):
    return n.signed(field, 16)


def low(word):
    return word & st.MASK32


def high(word):
    return word >> 32


def distance(half):
    return n.signed(half, 32)


# --- values: name -> function of the slots' bits
def _integer_value(name):
    match = re.fullmatch(r"i(32|64)_(\w+)", name)
    if not match:
        return None
    bits, rest = int(match[1]), match[2]
    mask = (1 << bits) - 1
    if rest in n.INTEGER:
        apply = n.INTEGER[rest]
        return lambda a, b: apply(a & mask, b & mask, bits) & mask
    if rest in n.INTEGER_COMPARISON:
        compare = n.INTEGER_COMPARISON[rest]
        return lambda a, b: int(compare(a & mask, b & mask, bits))
    if rest in n.INTEGER_UNARY:
        unary = n.INTEGER_UNARY[rest]
        return lambda a: unary(a & mask, bits) & mask
    if rest == "eqz":
        return lambda a: int(a & mask == 0)
    if rest == "wrap_i64":
        return lambda a: a & mask
    if rest == "extend_i32_s":
        return lambda a: n.signed(a, 32) & mask
    match = re.fullmatch(r"trunc_(sat_)?f(32|64)_([su])", rest)
    if match:
        source = n.F32 if match[2] == "32" else n.F64
        return lambda a: n.truncate(source.value(a), bits, match[3] == "s", match[1] is not None) & mask
    return None


def _float_value(name):
    match = re.fullmatch(r"f(32|64)_(\w+)", name)
    if not match:
        return None
    kind, rest = (n.F32 if match[1] == "32" else n.F64), match[2]
    if rest in n.FLOAT:
        apply = n.FLOAT[rest]
        return lambda a, b: kind.raw(apply(kind.value(a), kind.value(b)))
    if rest in n.FLOAT_COMPARISON:
        compare = n.FLOAT_COMPARISON[rest]
        return lambda a, b: int(compare(kind.value(a), kind.value(b)))
    if rest in n.FLOAT_UNARY:
        unary = n.FLOAT_UNARY[rest]
        return lambda a: kind.raw(unary(kind.value(a)))
    mask = 2 * kind.sign - 1
    if rest == "copysign":
        return lambda a, b: n.FLOAT_BITS[rest](a & mask, b & mask, kind.sign)
    if rest in n.FLOAT_BITS:
        return lambda a: n.FLOAT_BITS[rest](a & mask, 0, kind.sign)
    if rest in ("promote_f32", "demote_f64"):
        source = n.F32 if rest == "promote_f32" else n.F64
        return lambda a: kind.raw(source.value(a))
    match = re.fullmatch(r"convert_i(32|64)_([su])", rest)
    if match:
        bits = int(match[1])
        whole = (1 << bits) - 1
        return lambda a: kind.of_integer(n.signed(a, bits) if match[2] == "s" else a & whole)
    return None


def value_of(name):
    return _integer_value(name) or _float_value(name)


# --- handlers made of a value
def two_slots(value):
    def handler(m, w):
        m.state.set_slot(w.a, value(m.state.slot(w.b), m.state.slot(w.c)))
        m.advance(1)
    return handler


def slot_and_constant(value):
    def handler(m, w):
        m.state.set_slot(w.a, value(m.state.slot(w.b), immediate(w.c)))
        m.advance(1)
    return handler


def one_slot(value):
    def handler(m, w):
        m.state.set_slot(w.a, value(m.state.slot(w.b)))
        m.advance(1)
    return handler


def branch(value, has_constant, wanted):
    def handler(m, w):
        other = immediate(w.b) if has_constant else m.state.slot(w.b)
        holds = bool(value(m.state.slot(w.a), other)) == wanted
        extension = m.extension()
        if holds:
            m.jump(m.pc() + 1, distance(low(extension)))
        else:
            m.state.set_reg(st.GAS, m.state.reg(st.GAS) + high(extension))
            m.advance(2)
    return handler


# --- memory
def _address(m, w, kind):
    """Address of a load or store, and the words of the instruction."""
    if kind == "_at":
        return w.x, 1
    if kind == "_wide":
        return low(m.state.slot(w.b)) + m.extension(), 2
    return low(m.state.slot(w.b)) + w.c, 1


def load(kind, size, bits):
    def handler(m, w):
        at, words = _address(m, w, kind)
        if at + size > m.state.memory_size():
            raise Trap("memory_out_of_bounds")
        value = m.state.load(st.MEMORY + at, size)
        if bits:
            value = n.signed(value, 8 * size) & ((1 << bits) - 1)
        m.state.set_slot(w.a, value)
        m.advance(words)
    return handler


def store(kind, size):
    def handler(m, w):
        at, words = _address(m, w, kind)
        if at + size > m.state.memory_size():
            raise Trap("memory_out_of_bounds")
        m.state.store(st.MEMORY + at, m.state.slot(w.a), size)
        m.advance(words)
    return handler


def memory_grow(m, w):
    s = m.state
    pages, old = low(s.slot(w.b)), s.reg(st.MEMORY_PAGES)
    if old + pages > s.reg(st.MEMORY_MOST) or not s.fits_memory(16 * pages):
        s.set_slot(w.a, st.MASK32)
    else:
        m.charge(8192 * pages)
        s.set_reg(st.MEMORY_PAGES, old + pages)
        s.set_slot(w.a, old)
    m.advance(1)


# --- control
def boot(m, w):
    s = m.state
    most = m.extension()
    tables = s.load(st.IMAGE + 8 * 15)
    if s.reg(st.GAS_LIMIT) > 1 << 50 or not s.fits_memory(16 * w.x + tables):
        raise Trap("memory_limit")
    s.set_reg(st.FILE_PAGES, s.reg(st.FILE_PAGES) + tables)
    s.set_reg(st.MEMORY_MOST, most)
    s.set_reg(st.MEMORY_PAGES, w.x)
    m.advance(2)


def head(m, w):
    s = m.state
    used, limit = s.reg(st.GAS), s.reg(st.GAS_LIMIT)
    if used < min(limit + 1, s.reg(st.BOUNDARY)):
        s.set_reg(st.GAS, used + w.x)
        m.advance(1)
    elif used > limit:
        m.out_of_gas()
    else:
        m.begin(st.YIELDED, 1)


def charge(m, w):
    m.state.set_reg(st.GAS, m.state.reg(st.GAS) + w.x)
    m.advance(1)


def br(m, w):
    m.jump(m.pc(), distance(w.x))


def br_table(m, w):
    index = min(low(m.state.slot(w.a)), w.x)
    at = m.pc() + 1 + index // 2
    pair = m.state.word(at)
    m.jump(at, distance(high(pair) if index % 2 else low(pair)))


def _enter(m, base, function, entry, slots):
    s = m.state
    depth, frame = s.reg(st.DEPTH), s.reg(st.FRAME)
    if depth == st.RECORDS_MAX or frame + base + slots > st.SLOTS_MAX:
        raise Trap("stack_exhausted")
    record = st.RECORDS + 32 * depth
    for i, value in enumerate((m.pc() + 2, frame, function)):
        s.store(record + 8 * i, value)
    s.set_reg(st.DEPTH, depth + 1)
    s.set_reg(st.FRAME, frame + base)
    s.set_reg(st.PC, entry)


def call(m, w):
    extension = m.extension()
    _enter(m, w.a, w.x, low(extension), high(extension))


def call_indirect(m, w):
    s = m.state
    extension = m.extension()
    table = st.table_base(high(extension))
    index = low(s.slot(w.b))
    if index >= s.load(table):
        raise Trap("undefined_element")
    entry = s.load(table + 4096 + 8 * index)
    if entry == 0:
        raise Trap("uninitialized_element")
    record = st.FUNCTIONS + 32 * (entry - 1)
    place = s.load(record)
    if high(s.load(record + 16)) != low(extension):
        raise Trap("indirect_type_mismatch")
    _enter(m, w.a, entry - 1, low(place), high(place))


def ret(m, w):
    s = m.state
    depth = s.reg(st.DEPTH) - 1
    record = st.RECORDS + 32 * depth
    s.set_reg(st.DEPTH, depth)
    s.set_reg(st.PC, s.load(record))
    s.set_reg(st.FRAME, s.load(record + 8))


def ret_one(m, w):
    m.state.set_slot(0, m.state.slot(w.a))
    ret(m, w)


def finish(m, w):
    m.exit(0)


def trap(name):
    def handler(m, w):
        raise Trap(name)
    return handler


# --- moves, globals, tables
def _set(value, words=1):
    """Slot a gets what `value` says."""
    def handler(m, w):
        m.state.set_slot(w.a, value(m, w))
        m.advance(words)
    return handler


def select(m, w):
    s = m.state
    chosen = w.b if low(s.slot(m.extension())) else w.c
    s.set_slot(w.a, s.slot(chosen))
    m.advance(2)


def global_set(m, w):
    m.state.store(st.GLOBALS + 16 * w.x, m.state.slot(w.a))
    m.advance(1)


def _entry(m, table, index):
    base = st.table_base(table)
    if index >= m.state.load(base):
        raise Trap("table_out_of_bounds")
    return base + 4096 + 8 * index


def table_get(m, w):
    m.state.set_slot(w.a, m.state.load(_entry(m, w.c, low(m.state.slot(w.b)))))
    m.advance(1)


def table_set(m, w):
    m.state.store(_entry(m, w.c, low(m.state.slot(w.a))), m.state.slot(w.b))
    m.advance(1)


def drop(flags):
    def handler(m, w):
        m.state.store(flags + w.x, 1, 1)
        m.advance(1)
    return handler


NAMED = {
    "invalid": trap("invalid_code"), "unreachable": trap("unreachable"), "boot": boot, "finish": finish, "head": head,
    "charge": charge, "br": br, "br_table": br_table, "call": call, "call_indirect": call_indirect, "ret": ret,
    "ret_one": ret_one, "host": lambda m, w: m.host(w), "select": select,
    "copy": one_slot(lambda a: a),
    "const_u32": _set(lambda m, w: w.x), "const_s32": _set(lambda m, w: n.signed(w.x, 32)),
    "const_64": _set(lambda m, w: m.extension(), 2),
    "global_get": _set(lambda m, w: m.state.load(st.GLOBALS + 16 * w.x)), "global_set": global_set,
    "memory_size": _set(lambda m, w: m.state.reg(st.MEMORY_PAGES)), "memory_grow": memory_grow,
    "table_size": _set(lambda m, w: m.state.load(st.table_base(w.x))), "table_get": table_get, "table_set": table_set,
    "data_drop": drop(st.DATA_FLAGS), "elem_drop": drop(st.ELEMENT_FLAGS), **BULK,
}


def handler_of(name, form):
    if name in NAMED:
        return NAMED[name]
    match = re.fullmatch(r"(?:(i32|i64)_)?load(\d+)_?(s|u)?(_wide|_at)?", name)
    if match:
        bits = int(match[1][1:]) if match[3] == "s" else 0
        return load(match[4], int(match[2]) // 8, bits)
    match = re.fullmatch(r"store(\d+)(_wide|_at)?", name)
    if match:
        return store(match[2], int(match[1]) // 8)
    match = re.fullmatch(r"br_(not_)?(\w+?)(_imm)?", name)
    if match:
        return branch(value_of(match[2]), form == "branch_a_imm", match[1] is None)
    value = value_of(name.removesuffix("_imm"))
    return {"dst_a_b": two_slots, "dst_a_imm": slot_and_constant, "dst_a": one_slot}[form](value)


def read_table(path):
    """Number to (name, handler)."""
    table = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            if line.startswith("#") or not line.strip():
                continue
            name, number, form = line.split()
            table[int(number)] = (name, handler_of(name, form))
    return table
