"""Steps, boundaries and ends (docs/protocol/machine.md 2 to 5)."""
import state as st
from host_base import OutOfGas
from hosts import Hosts, write_output
from instructions import Word
from arithmetic import Trap

SLOT_PAGES, RECORD_PAGES = 2048, 512


class Machine:
    def __init__(self, state, table, seen):
        """`table`: instructions by number. `seen` counts the names of what has been executed."""
        self.state, self.table, self.seen = state, table, seen

    # --- what handlers use
    def pc(self):
        return self.state.reg(st.PC)

    def advance(self, words):
        self.state.set_reg(st.PC, self.pc() + words)

    def jump(self, origin, distance):
        self.state.set_reg(st.PC, origin + distance)

    def extension(self):
        return self.state.word(self.pc() + 1)

    def charge(self, gas):
        if not self.state.charge(gas):
            raise OutOfGas

    def host(self, w):
        if Hosts(self.state, self.state.reg(st.FRAME) + w.a, self.seen).micro_step(w.x, self):
            self.advance(1)

    # --- boundaries and ends
    def begin(self, status, stage):
        self.state.set_reg(st.PENDING, status)
        self.state.set_reg(st.STAGE, stage)

    def _end(self, status, stage, exit_code):
        self.begin(status, stage)
        for register in (st.PC, st.FRAME, st.DEPTH):
            self.state.set_reg(register, 0)
        self.state.set_reg(st.EXIT_CODE, exit_code)

    def exit(self, code):
        self._end(st.EXITED, 0, code)

    def out_of_gas(self):
        self._end(st.OUT_OF_GAS, 1, 0)
        self.state.set_reg(st.GAS, self.state.reg(st.GAS_LIMIT))

    def trap(self, code):
        s = self.state
        depth = s.reg(st.DEPTH)
        s.set_reg(st.TRAP_CODE, code)
        s.set_reg(st.TRAP_FUNCTION, s.load(st.RECORDS + 32 * (depth - 1) + 16) if depth else 0)
        self._end(st.TRAPPED, 1, 0)

    def _zero_stack(self):
        """Stage 1: one page of the stack, the slots before the records."""
        s = self.state
        pending = s.reg(st.PENDING)
        slots = records = 0
        if pending == st.YIELDED:
            slots = s.reg(st.FRAME) + Word(s.word(self.pc())).a
            records = s.reg(st.DEPTH)
        done = s.reg(st.PROGRESS)
        slot_pages = SLOT_PAGES - 8 * slots // 4096
        record_pages = RECORD_PAGES - 32 * records // 4096
        total = slot_pages + record_pages
        if done < slot_pages:
            self._zero_page(st.SLOTS, 8 * slots, done)
        elif done < total:
            self._zero_page(st.RECORDS, 32 * records, done - slot_pages)
        if done + 1 < total:
            s.set_reg(st.PROGRESS, done + 1)
            return
        self._settle(pending)

    def _zero_page(self, base, kept, number):
        start = base + kept if number == 0 else base + (kept // 4096 + number) * 4096
        self.state.write(start, bytes(st.left_in_page(start)))

    def _settle(self, pending):
        s = self.state
        s.set_reg(st.STATUS, pending)
        for register in (st.PENDING, st.STAGE, st.PROGRESS):
            s.set_reg(register, 0)
        gas, segment = s.reg(st.GAS), s.reg(st.SEGMENT_GAS)
        if pending == st.YIELDED:
            s.set_reg(st.BOUNDARY, (gas // segment + 1) * segment)
        else:
            s.set_reg(st.GAS, min(gas, s.reg(st.GAS_LIMIT)))

    # --- steps
    def _instruction(self):
        w = Word(self.state.word(self.pc()))
        name, handler = self.table.get(w.op, self.table[0])
        self.seen[name] += 1
        handler(self, w)

    def step(self):
        s = self.state
        if s.reg(st.STATUS) != st.RUNNING:
            return
        try:
            if s.reg(st.PENDING) == 0:
                self._instruction()
            elif s.reg(st.STAGE) == 0:
                self.seen["(output)"] += 1
                if write_output(s):
                    s.set_reg(st.STAGE, 1)
            else:
                self.seen["(stack)"] += 1
                self._zero_stack()
        except Trap as trap:
            self.seen["(trap %s)" % trap] += 1
            self.trap(trap.code)
        except OutOfGas:
            self.seen["(out of gas)"] += 1
            self.out_of_gas()

    def run(self, position, steps):
        self.state.page(0)
        for at in range(position, position + steps):
            if at > 0:
                self.step()
            elif self.state.reg(st.STATUS) == st.YIELDED:
                self.state.set_reg(st.STATUS, st.RUNNING)
