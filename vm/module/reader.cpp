#include "vm/module/reader.hpp"

#include "common/assert.hpp"
#include "vm/module/limits.hpp"
#include "vm/module/proposals.hpp"

namespace millrace::vm {

namespace {

std::string hex_byte(std::uint8_t byte) {
    const std::uint8_t raw[] = {byte};
    return "0x" + to_hex(raw);
}

}  // namespace

ValType read_value_type(ByteCursor& cursor, bool references_only) {
    const std::uint32_t at = cursor.offset();
    const std::uint8_t byte = cursor.u8();
    switch (byte) {
        case 0x7f:
        case 0x7e:
        case 0x7d:
        case 0x7c:
            if (!references_only) return static_cast<ValType>(byte);
            break;
        case 0x7b:
            if (!references_only) {
                cursor.fail(at, ModuleRule::simd, "value type v128");
                return ValType::i32;
            }
            break;
        case 0x70:
        case 0x6f:
            return static_cast<ValType>(byte);
        case 0x63:
        case 0x64:
            cursor.fail(at, ModuleRule::function_references, "reference type " + hex_byte(byte));
            return ValType::i32;
        case 0x69:
        case 0x74:
            cursor.fail(at, ModuleRule::exceptions, "reference type " + hex_byte(byte));
            return ValType::i32;
        case 0x6a:
        case 0x6b:
        case 0x6c:
        case 0x6d:
        case 0x6e:
        case 0x71:
        case 0x72:
        case 0x73:
            cursor.fail(at, ModuleRule::garbage_collection, "reference type " + hex_byte(byte));
            return ValType::i32;
        default:
            break;
    }
    cursor.fail(at, references_only ? ModuleRule::reference_type : ModuleRule::value_type,
                hex_byte(byte));
    return ValType::i32;
}

bool LocalReader::next(LocalRun& out) {
    if (runs_ == 0 || cursor_.failed()) return false;
    --runs_;
    out.count = cursor_.u32();
    out.type = read_value_type(cursor_);
    return !cursor_.failed();
}

InstructionReader InstructionReader::of_function(const Module& module, std::uint32_t function) {
    const FunctionBody body = module.body(function);
    LocalReader locals(module.bytes(body), body.offset);
    LocalRun run;
    while (locals.next(run)) {
    }
    MILLRACE_ASSERT(!locals.failed());
    const std::uint32_t skipped = locals.offset() - body.offset;
    return {module.bytes({locals.offset(), body.size - skipped}), locals.offset()};
}

bool InstructionReader::next(Instruction& out) {
    if (cursor_.at_end()) return false;
    out.offset = cursor_.offset();
    const std::uint8_t byte = cursor_.u8();
    std::uint8_t prefix = 0;
    std::uint32_t code = byte;
    if (byte >= kPrefixGc && byte <= kPrefixThreads) {
        prefix = byte;
        code = cursor_.u32();
        if (cursor_.failed()) return false;
    }
    const std::optional<Opcode> op = find_opcode(prefix, code);
    if (!op) {
        ProposalOp found = find_proposal(prefix, code);
        cursor_.fail(out.offset, found.rule, std::move(found.mnemonic));
        return false;
    }
    out.op = *op;
    read_immediate(info(*op), out);
    return !cursor_.failed();
}

void InstructionReader::read_immediate(const OpcodeInfo& row, Instruction& out) {
    switch (row.immediate) {
        case Immediate::none:
            return;
        case Immediate::block_type:
            return read_block_type(out);
        case Immediate::label:
        case Immediate::function:
        case Immediate::local:
        case Immediate::global:
        case Immediate::table:
        case Immediate::data:
        case Immediate::element:
            out.index = cursor_.u32();
            return;
        case Immediate::label_table:
            return read_labels(out);
        case Immediate::type_and_table:
        case Immediate::element_and_table:
        case Immediate::table_and_table:
            out.index = cursor_.u32();
            out.second = cursor_.u32();
            return;
        case Immediate::value_types:
            return read_select_types(out);
        case Immediate::memarg:
            return read_memarg(out);
        case Immediate::memory:
            return zero_byte();
        case Immediate::i32:
            out.bits = static_cast<std::uint32_t>(cursor_.s32());
            return;
        case Immediate::i64:
            out.bits = static_cast<std::uint64_t>(cursor_.s64());
            return;
        case Immediate::f32:
            if (const ByteView raw = cursor_.take(4); raw.size() == 4)
                out.bits = load_le<std::uint32_t>(raw.data());
            return;
        case Immediate::f64:
            if (const ByteView raw = cursor_.take(8); raw.size() == 8)
                out.bits = load_le<std::uint64_t>(raw.data());
            return;
        case Immediate::reference_type:
            out.type = read_value_type(cursor_, true);
            return;
        case Immediate::data_and_memory:
            out.index = cursor_.u32();
            return zero_byte();
        case Immediate::memory_and_memory:
            zero_byte();
            return zero_byte();
    }
}

void InstructionReader::read_block_type(Instruction& out) {
    const std::uint32_t at = cursor_.offset();
    const std::uint8_t first = cursor_.peek();
    out.block = {};
    if (first == 0x40) {
        cursor_.u8();
        return;
    }
    // A single byte with the sign bit of its seven set is a value type; a type index is positive.
    if ((first & 0xc0) == 0x40) {
        out.block.kind = BlockType::Kind::value;
        out.block.value = read_value_type(cursor_);
        return;
    }
    const std::int64_t index = cursor_.s33();
    if (cursor_.failed()) return;
    if (index < 0) {
        cursor_.fail(at, ModuleRule::block_type, "a negative type index");
        return;
    }
    out.block.kind = BlockType::Kind::type;
    out.block.type_index = static_cast<std::uint32_t>(index);
}

void InstructionReader::read_labels(Instruction& out) {
    const std::uint32_t at = cursor_.offset();
    const std::uint32_t count = cursor_.u32();
    if (count > kBranchTableMax) {
        cursor_.fail(at, ModuleRule::branch_table_too_large,
                     std::to_string(count) + " labels, at most " + std::to_string(kBranchTableMax));
        return;
    }
    // Remember where the list begins, then walk it once for its end.
    ByteCursor list = cursor_;
    const std::uint32_t begin = cursor_.offset();
    for (std::uint32_t i = 0; i <= count && !cursor_.failed(); ++i) cursor_.u32();
    if (cursor_.failed()) return;
    out.labels = LabelList{list.take(cursor_.offset() - begin), count + 1};
}

void InstructionReader::read_memarg(Instruction& out) {
    const std::uint32_t at = cursor_.offset();
    out.index = cursor_.u32();
    // Bit 6 announces a memory index (multiple memories); beyond 2^31 no alignment exists.
    if (out.index >= 0x40 && out.index < 0x80) {
        cursor_.fail(at, ModuleRule::multiple_memories_proposal, "a load or store names a memory");
        return;
    }
    if (out.index >= 0x20) {
        cursor_.fail(at, ModuleRule::memory_flags,
                     "alignment exponent " + std::to_string(out.index));
        return;
    }
    out.second = cursor_.u32();
}

void InstructionReader::read_select_types(Instruction& out) {
    const std::uint32_t at = cursor_.offset();
    const std::uint32_t count = cursor_.u32();
    // The format allows a list, validation exactly one; so no list is kept.
    for (std::uint32_t i = 0; i < count && !cursor_.failed(); ++i)
        out.type = read_value_type(cursor_);
    if (!cursor_.failed() && count != 1)
        cursor_.fail(at, ModuleRule::select_arity, std::to_string(count) + " types");
}

void InstructionReader::zero_byte() {
    const std::uint32_t at = cursor_.offset();
    const std::uint8_t byte = cursor_.u8();
    if (!cursor_.failed() && byte != 0)
        cursor_.fail(at, ModuleRule::zero_byte_expected, hex_byte(byte));
}

}  // namespace millrace::vm
