"""The machine's state as the pages of a witness (docs/protocol/machine.md 1 and 6)."""
from pages import PAGE_SIZE, Refused

REGISTERS = 0x0
ARGUMENTS = 0x1000
DESCRIPTORS = 0x10_0000
RECORDS = 0x1000_0000_0000
SLOTS = 0x1001_0000_0000
IMAGE = 0x4000_0000_0000
STREAMS = 0x8000_0000_0000
ROOT_TREE = 0x4000_0000_0000_0000

REGION = 1 << 32
CODE = IMAGE + REGION
FUNCTIONS = IMAGE + 2 * REGION
DATA_SEGMENTS = IMAGE + 4 * REGION
ELEMENT_SEGMENTS = IMAGE + 5 * REGION
GLOBALS = IMAGE + (1 << 44)
DATA_FLAGS = GLOBALS + REGION
ELEMENT_FLAGS = DATA_FLAGS + (1 << 31)
TABLES = GLOBALS + 2 * REGION
MEMORY = IMAGE + (1 << 45)

RECORDS_MAX = 65_536
SLOTS_MAX = 1 << 20
MASK32 = 0xFFFF_FFFF
MASK64 = 0xFFFF_FFFF_FFFF_FFFF

# Registers by number.
STATUS, PC, FRAME, DEPTH, GAS, GAS_LIMIT, SEGMENT_GAS, BOUNDARY = range(1, 9)
EXIT_CODE, TRAP_CODE, TRAP_FUNCTION, MEMORY_PAGES, MEMORY_MOST = range(9, 14)
SLEPT, RANDOM_BLOCKS, FILE_PAGES = 14, 15, 16
HOST_PHASE, PENDING, STAGE = 18, 19, 20
PROGRESS = 24

RUNNING, YIELDED, EXITED, TRAPPED, OUT_OF_GAS = range(5)


def table_base(table):
    return TABLES + table * REGION


def left_in_page(address):
    return PAGE_SIZE - address % PAGE_SIZE


class State:
    def __init__(self, pages):
        """`pages`: index to contents."""
        self.pages = {index: bytearray(content) for index, content in pages.items()}
        self.used = set()

    def page(self, address):
        index = address // PAGE_SIZE
        if index not in self.pages:
            raise Refused("page_missing %x" % (index * PAGE_SIZE))
        self.used.add(index)
        return self.pages[index]

    def read(self, address, size):
        out = b""
        while size:
            part = min(size, left_in_page(address))
            at = address % PAGE_SIZE
            out += self.page(address)[at:at + part]
            address, size = address + part, size - part
        return out

    def write(self, address, data):
        while data:
            part = min(len(data), left_in_page(address))
            at = address % PAGE_SIZE
            self.page(address)[at:at + part] = data[:part]
            address, data = address + part, data[part:]

    def load(self, address, size=8):
        return int.from_bytes(self.read(address, size), "little")

    def store(self, address, value, size=8):
        self.write(address, (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))

    # --- by name
    def reg(self, register):
        return self.load(REGISTERS + 8 * register)

    def set_reg(self, register, value):
        self.store(REGISTERS + 8 * register, value)

    def word(self, at):
        return self.load(CODE + 8 * at)

    def slot(self, number):
        return self.load(SLOTS + 8 * (self.reg(FRAME) + number))

    def set_slot(self, number, value):
        self.store(SLOTS + 8 * (self.reg(FRAME) + number), value)

    def memory_size(self):
        return self.reg(MEMORY_PAGES) << 16

    def fits_memory(self, pages):
        """Whether `pages` more of 4096 bytes fit the job's memory limit."""
        limit = self.load(ARGUMENTS + 48) // PAGE_SIZE
        return 16 * self.reg(MEMORY_PAGES) + self.reg(FILE_PAGES) + pages <= limit

    def charge(self, gas):
        """Adds a dynamic charge, unless it would pass the limit."""
        used = self.reg(GAS)
        if used + gas > self.reg(GAS_LIMIT):
            return False
        self.set_reg(GAS, used + gas)
        return True
