"""Operations on integers and floats by their WebAssembly names, over 64-bit slots (machine.md 2)."""
import math
import struct

TRAPS = ["", "unreachable", "memory_out_of_bounds", "divide_by_zero", "integer_overflow", "invalid_conversion",
         "undefined_element", "uninitialized_element", "indirect_type_mismatch", "stack_exhausted",
         "table_out_of_bounds", "invalid_code", "host_fault", "memory_limit"]


class Trap(Exception):
    def __init__(self, name):
        super().__init__(name)
        self.code = TRAPS.index(name)


def signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


# --- integers: each takes a and b below 2^bits, and gives any integer, reduced afterwards
def _divide(a, b, bits, is_signed, wants_rest):
    if b == 0:
        raise Trap("divide_by_zero")
    if is_signed:
        a, b = signed(a, bits), signed(b, bits)
    quotient = abs(a) // abs(b)
    if (a < 0) != (b < 0):
        quotient = -quotient
    if wants_rest:
        return a - quotient * b
    if is_signed and quotient == 1 << (bits - 1):
        raise Trap("integer_overflow")
    return quotient


def _rotate_left(a, by, bits):
    by %= bits
    return (a << by) | (a >> (bits - by))


INTEGER = {
    "add": lambda a, b, n: a + b,
    "sub": lambda a, b, n: a - b,
    "mul": lambda a, b, n: a * b,
    "and": lambda a, b, n: a & b,
    "or": lambda a, b, n: a | b,
    "xor": lambda a, b, n: a ^ b,
    "shl": lambda a, b, n: a << (b % n),
    "shr_s": lambda a, b, n: signed(a, n) >> (b % n),
    "shr_u": lambda a, b, n: a >> (b % n),
    "rotl": _rotate_left,
    "rotr": lambda a, b, n: _rotate_left(a, n - b % n, n),
    "div_s": lambda a, b, n: _divide(a, b, n, True, False),
    "div_u": lambda a, b, n: _divide(a, b, n, False, False),
    "rem_s": lambda a, b, n: _divide(a, b, n, True, True),
    "rem_u": lambda a, b, n: _divide(a, b, n, False, True),
}
INTEGER_COMPARISON = {
    "eq": lambda a, b, n: a == b,
    "ne": lambda a, b, n: a != b,
    "lt_s": lambda a, b, n: signed(a, n) < signed(b, n),
    "lt_u": lambda a, b, n: a < b,
    "gt_s": lambda a, b, n: signed(a, n) > signed(b, n),
    "gt_u": lambda a, b, n: a > b,
    "le_s": lambda a, b, n: signed(a, n) <= signed(b, n),
    "le_u": lambda a, b, n: a <= b,
    "ge_s": lambda a, b, n: signed(a, n) >= signed(b, n),
    "ge_u": lambda a, b, n: a >= b,
}
INTEGER_UNARY = {
    "clz": lambda a, n: n - a.bit_length(),
    "ctz": lambda a, n: (a & -a).bit_length() - 1 if a else n,
    "popcnt": lambda a, n: a.bit_count(),
    "extend8_s": lambda a, n: signed(a, 8),
    "extend16_s": lambda a, n: signed(a, 16),
    "extend32_s": lambda a, n: signed(a, 32),
}


# --- floats: Python's float is a binary64 that rounds to nearest, ties to even
class Float:
    """f32 or f64: values to bits and back. An f32's operations are done in f64 and rounded once more, which gives the
    right f32 for + - * / and sqrt, since 53 >= 2 * 24 + 2."""

    def __init__(self, bits):
        self.bits = bits
        self.mantissa = 23 if bits == 32 else 52
        self.format = ("<f", "<I") if bits == 32 else ("<d", "<Q")
        self.no_number = 0x7FC00000 if bits == 32 else 0x7FF8000000000000
        self.sign = 1 << (bits - 1)

    def value(self, raw):
        return struct.unpack(self.format[0], struct.pack(self.format[1], raw & (2 * self.sign - 1)))[0]

    def raw(self, value):
        """Rounded; every result that is no number has the same bits."""
        if math.isnan(value):
            return self.no_number
        try:
            packed = struct.pack(self.format[0], value)
        except OverflowError:  # rounds to infinity
            packed = struct.pack(self.format[0], math.copysign(math.inf, value))
        return struct.unpack(self.format[1], packed)[0]

    def of_integer(self, number):
        """The nearest float of an integer of any size, ties to even, rounded once."""
        spare = abs(number).bit_length() - (self.mantissa + 1)
        if spare > 0:
            magnitude = abs(number)
            kept, rest, half = magnitude >> spare, magnitude & ((1 << spare) - 1), 1 << (spare - 1)
            kept += rest > half or (rest == half and kept & 1)
            number = (kept << spare) * (1 if number > 0 else -1)
        return self.raw(float(number))


F32, F64 = Float(32), Float(64)


def _divide_floats(a, b):
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a) or math.isnan(b):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1, b)


def _least(a, b):
    if math.isnan(a) or math.isnan(b):
        return math.nan
    if a == b:
        return a if math.copysign(1, a) < 0 else b
    return a if a < b else b


def _most(a, b):
    return -_least(-a, -b)


def _square_root(a):
    return math.sqrt(a) if a >= 0 else math.nan  # no number is not >= 0


def _whole(rounding):
    def apply(a):
        if math.isnan(a) or math.isinf(a) or abs(a) >= 2.0 ** 52:
            return a
        return math.copysign(float(rounding(a)), a)
    return apply


FLOAT = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": _divide_floats,
         "min": _least, "max": _most}
FLOAT_COMPARISON = {"eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b,
                    "gt": lambda a, b: a > b, "le": lambda a, b: a <= b, "ge": lambda a, b: a >= b}
FLOAT_UNARY = {"sqrt": _square_root, "ceil": _whole(math.ceil), "floor": _whole(math.floor),
               "trunc": _whole(math.trunc), "nearest": _whole(round)}
# On bits, so that what is no number keeps them: of the bits, the other's bits, and the sign's bit.
FLOAT_BITS = {"abs": lambda a, b, s: a & ~s, "neg": lambda a, b, s: a ^ s, "copysign": lambda a, b, s: (a & ~s) | (b & s)}


def truncate(value, bits, is_signed, saturates):
    least, most = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if is_signed else (0, (1 << bits) - 1)
    if math.isnan(value):
        if saturates:
            return 0
        raise Trap("invalid_conversion")
    if math.isinf(value):
        whole = most + 1 if value > 0 else least - 1
    else:
        whole = math.trunc(value)
    if least <= whole <= most:
        return whole
    if saturates:
        return most if whole > most else least
    raise Trap("integer_overflow")
