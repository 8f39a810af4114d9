#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "common/bytes.hpp"
#include "vm/module/cursor.hpp"
#include "vm/module/module.hpp"
#include "vm/module/opcodes.hpp"
#include "vm/module/types.hpp"

namespace millrace::vm {

/// The labels of a br_table, default last; read from the binary as one walks, never copied.
class LabelList {
  public:
    class Iterator {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = std::uint32_t;
        using difference_type = std::ptrdiff_t;
        using pointer = const std::uint32_t*;
        using reference = std::uint32_t;

        Iterator(ByteView raw, std::uint32_t left) : cursor_(raw, 0), left_(left) {
            if (left_ != 0) value_ = cursor_.u32();
        }
        std::uint32_t operator*() const { return value_; }
        Iterator& operator++() {
            if (--left_ != 0) value_ = cursor_.u32();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const Iterator& a, const Iterator& b) { return a.left_ == b.left_; }

      private:
        ByteCursor cursor_;
        std::uint32_t left_;
        std::uint32_t value_ = 0;
    };

    LabelList() = default;
    LabelList(ByteView raw, std::uint32_t count) : raw_(raw), count_(count) {}
    /// Labels with the default, so at least 1.
    [[nodiscard]] std::uint32_t size() const { return count_; }
    [[nodiscard]] Iterator begin() const { return {raw_, count_}; }
    [[nodiscard]] Iterator end() const { return {{}, 0}; }

  private:
    ByteView raw_;
    std::uint32_t count_ = 0;
};

/// One instruction with its immediates; which fields mean something follows from
/// `info(op).immediate`.
struct Instruction {
    Opcode op = Opcode::nop;
    std::uint32_t offset = 0;  ///< of the opcode's first byte in the module
    /// Label depth; function, type, local, global, table, data or element index; alignment exponent
    /// of a memarg. Of table.copy the destination.
    std::uint32_t index = 0;
    /// Table index of call_indirect and table.init; offset of a memarg; source of table.copy.
    std::uint32_t second = 0;
    /// Constants: i32 and f32 zero-extended.
    std::uint64_t bits = 0;
    BlockType block;
    /// Of ref.null, and of a select with a type (validation allows exactly one).
    ValType type = ValType::i32;
    LabelList labels;
};

/// Walks the instructions of a body or expression one by one.
///
/// `while (reader.next(instruction)) { ... }`: false at the end of the bytes or at the first broken
/// rule, which `failed()` tells apart. It knows the binary format only; whether labels, indices and
/// types exist is the validator's business. In a validated body it never fails.
class InstructionReader {
  public:
    /// `base` is the offset of `body` in the module.
    InstructionReader(ByteView body, std::uint32_t base) : cursor_(body, base) {}
    /// The instructions of a validated function, behind its local declarations.
    static InstructionReader of_function(const Module& module, std::uint32_t function);

    [[nodiscard]] bool next(Instruction& out);
    [[nodiscard]] bool failed() const { return cursor_.failed(); }
    [[nodiscard]] const ModuleError& error() const { return cursor_.error(); }
    [[nodiscard]] std::uint32_t offset() const { return cursor_.offset(); }

  private:
    void read_immediate(const OpcodeInfo& row, Instruction& out);
    void read_block_type(Instruction& out);
    void read_labels(Instruction& out);
    void read_memarg(Instruction& out);
    void read_select_types(Instruction& out);
    void zero_byte();

    ByteCursor cursor_;
};

/// A run of locals of one type.
struct LocalRun {
    std::uint32_t count = 0;
    ValType type = ValType::i32;
};
/// Walks the local declarations at the head of a body; then `offset()` is its first instruction.
class LocalReader {
  public:
    LocalReader(ByteView body, std::uint32_t base) : cursor_(body, base), runs_(cursor_.u32()) {}
    [[nodiscard]] bool next(LocalRun& out);
    [[nodiscard]] bool failed() const { return cursor_.failed(); }
    [[nodiscard]] const ModuleError& error() const { return cursor_.error(); }
    [[nodiscard]] std::uint32_t offset() const { return cursor_.offset(); }

  private:
    ByteCursor cursor_;
    std::uint32_t runs_;
};

/// A value type's byte, with refusals that name the feature. `references_only` for table elements
/// and ref.null.
[[nodiscard]] ValType read_value_type(ByteCursor& cursor, bool references_only = false);

}  // namespace millrace::vm
